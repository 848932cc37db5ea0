//! Whether an organization that has far more to do than can be done slows another: one has 10,000 executions waiting, another starts one
//! after the other and waits for its end. Those of the one compute as much as an execution may without a pause, or call a service that
//! takes a second to answer.
//!
//! `--waiting` executions of the one, `--samples` of the others alone and beside it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use temporalio_client::{
    Client as TemporalClient, ClientOptions, Connection, ConnectionOptions, UntypedWorkflow,
    WorkflowGetResultOptions,
};
use tenantry_bench::{
    app::{self, insist},
    report::{self, Aim, Table},
    rounds::quantile,
    service::Service,
    sizes::size,
};
use tenantry_client::{
    Client,
    executions::{Filter, Start},
    workflows::Source,
};
use tenantry_domain::Quota;
use tenantry_storage::Options;
use tenantry_test_support::{App, Database, PrivateTemporal, Setup, Tenant};
use tokio::{task::JoinSet, time::sleep};

/// The neighbours: with some luck, not all on the thread of the one.
const NEIGHBOURS: usize = 4;
/// How many clients start what is to wait.
const STARTERS: usize = 32;
/// How long a neighbour rests after an end.
const REST: Duration = Duration::from_millis(50);
/// The milliseconds that a neighbour's p99 is longer beside the one than alone.
const AIM: Aim = Aim::AtMost(1_000.0);
const QUOTAS: [Quota; 3] = [Quota::RequestsPerSecond, Quota::StartsPerSecond, Quota::RunningExecutions];

/// What the one has to do.
#[derive(Clone, Copy)]
enum Work {
    Compute,
    Call,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Compute => "compute much",
            Self::Call => "call what is slow",
        }
    }

    fn definition(self, service: &Service) -> String {
        let tasks = match self {
            Self::Compute => {
                let sum = json!({ "set": { "sum": "${ reduce range(0; 10000) as $n (0; . + $n) }" } });
                (0..50).map(|number| json!({ format!("sum-{number}"): sum })).collect()
            }
            Self::Call => vec![json!({ "call": call(&format!("{}/after/1000", service.url)) })],
        };
        definition(&json!(tasks))
    }
}

fn call(url: &str) -> Value {
    json!({ "call": "http", "with": { "method": "get", "endpoint": url } })
}

fn definition(tasks: &Value) -> String {
    let document = json!({ "dsl": "1.0.3", "namespace": "bench", "name": "work", "version": "1.0.0" });
    json!({ "document": document, "do": tasks }).to_string()
}

/// A running Tenantry with a Temporal of its own, so that nothing is left of the work before.
struct Scene {
    app: App,
    temporal: PrivateTemporal,
    one: Member,
    neighbours: Vec<Member>,
}

/// One of an organization, who starts executions and waits for their ends.
struct Member {
    client: Client,
    ends: TemporalClient,
}

impl Scene {
    async fn prepare(work: Work, service: &Service) -> Self {
        let temporal = PrivateTemporal::start(&[]).await;
        let setup = Setup { options: Options::default(), ..Setup::default() };
        let app = App::launch(&temporal.address(), Database::migrated().await, setup).await;
        let one = Member::of(&app, &temporal, "one", &work.definition(service)).await;
        let single = definition(&json!([{ "call": call(&format!("{}/now", service.url)) }]));
        let mut neighbours = Vec::new();
        for number in 0..NEIGHBOURS {
            let slug = format!("neighbour-{number}");
            neighbours.push(Member::of(&app, &temporal, &slug, &single).await);
        }
        Self { app, temporal, one, neighbours }
    }

    /// Has so many executions of the one started.
    async fn pile_up(&self, waiting: usize) {
        let mut starting = JoinSet::new();
        for starter in 0..STARTERS {
            let client = self.one.client.clone();
            starting.spawn(async move {
                for _ in (starter..waiting).step_by(STARTERS) {
                    start(&client).await;
                }
            });
        }
        starting.join_all().await;
    }

    /// The seconds that so many executions took, of all neighbours in turn.
    async fn sample(&self, samples: usize) -> Vec<f64> {
        let mut took = Vec::new();
        for neighbour in self.neighbours.iter().cycle().take(samples) {
            took.push(neighbour.execute().await);
            sleep(REST).await;
        }
        took.sort_by(f64::total_cmp);
        took
    }

    /// Whether the one still has executions that have not ended.
    async fn is_busy(&self) -> bool {
        let filter = Filter { status: Some("running".to_owned()), ..Filter::default() };
        let page = self.one.client.executions().list(&filter).limit(1).page().await;
        !page.expect("the list").items.is_empty()
    }

    /// Ends it; what waits is forgotten with its Temporal.
    async fn end(self) {
        self.app.stop().await;
        self.temporal.stop().await;
    }
}

impl Member {
    /// The manager of a new organization that may start as much as anybody may, with this definition, which is good.
    async fn of(app: &App, temporal: &PrivateTemporal, slug: &str, definition: &str) -> Self {
        let tenant = app::tenant(app, slug).await;
        app::set_quotas(app, &tenant, &QUOTAS.map(|quota| (quota, quota.max_limit()))).await;
        let put = tenant.manager.workflows().put("work", Source::Json(definition));
        put.send().await.expect("the definition is one");
        let ends = temporal_client(temporal, &tenant).await;
        let member = Self { client: tenant.manager, ends };
        member.execute().await;
        member
    }

    /// The seconds that an execution takes, which ends well.
    async fn execute(&self) -> f64 {
        let began = Instant::now();
        let id = start(&self.client).await;
        let handle = self.ends.get_workflow_handle::<UntypedWorkflow>(id);
        handle.get_result(WorkflowGetResultOptions::default()).await.expect("it ends well");
        began.elapsed().as_secs_f64()
    }
}

/// Starts an execution, and gives its id.
async fn start(client: &Client) -> String {
    let start = Start::default();
    insist(|| client.executions().start("work", &start).send()).await.id
}

/// The SDK's own client of the organization's namespace.
async fn temporal_client(temporal: &PrivateTemporal, tenant: &Tenant) -> TemporalClient {
    let url: url::Url = temporal.address().parse().expect("an address");
    let connection =
        Connection::connect(ConnectionOptions::new(url).build()).await.expect("Temporal answers");
    let namespace = tenant.organization.namespace.clone().expect("an active organization has one");
    TemporalClient::new(connection, ClientOptions::new(namespace).build()).expect("a client")
}

#[tokio::main]
pub(crate) async fn run() {
    let (waiting, samples) = (size("--waiting", 10_000), size("--samples", 200));
    let database = Database::migrated().await;
    report::begin("fairness", &mut database.owner().await).await;
    database.remove().await;
    let service = Service::start().await;
    let mut table = Table::new(&[
        "beside one whose executions",
        "p50 ms",
        "p99 ms",
        "worst ms",
        "p99, longer by ms",
        "aim",
    ]);
    for work in [Work::Compute, Work::Call] {
        let scene = Scene::prepare(work, &service).await;
        let alone = scene.sample(samples).await;
        describe(&mut table, "(alone)", &alone, &alone);
        scene.pile_up(waiting).await;
        let beside = scene.sample(samples).await;
        assert!(scene.is_busy().await, "all that waited has ended: there was too little");
        describe(&mut table, work.name(), &beside, &alone);
        scene.end().await;
    }
    println!("{table}");
}

fn describe(table: &mut Table, beside: &str, took: &[f64], alone: &[f64]) {
    let [p50, p99, worst] = [50, 99, 100].map(|percent| quantile(took, percent) * 1e3);
    let milliseconds = |value| format!("{value:.0}");
    let longer = p99 - quantile(alone, 99) * 1e3;
    table.row(&[
        &beside,
        &milliseconds(p50),
        &milliseconds(p99),
        &milliseconds(worst),
        &milliseconds(longer),
        &AIM.verdict(longer),
    ]);
}
