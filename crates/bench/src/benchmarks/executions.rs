//! What hosting a definition costs: executions that make two HTTP calls to a service on this machine, run by Tenantry, against a
//! workflow of Temporal's Rust SDK that makes the same two calls; on the same Temporal server, in turn, in namespaces of their own.
//!
//! | side | from | by way of |
//! |---|---|---|
//! | plain | a start by the SDK's client | two activities |
//! | dispatcher and workers | a start by `tenantry-temporal` | two calls, and the end recorded in memory |
//! | whole | `POST /workflows/{name}/executions` | two calls, and the end recorded in PostgreSQL |
//!
//! Each is waited for in the same way, by a long poll for the end of its history; the whole one is then read once, and is `completed`. The
//! plain worker has as many pollers, slots and kept workflows as a hosted one, and an HTTP client with the same settings.
//!
//! `--rounds` and `--seconds` (of each) say how long it takes.

mod plain;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use temporalio_client::{
    Client as TemporalClient, ClientOptions, Connection, ConnectionOptions, UntypedWorkflow,
    WorkflowGetResultOptions, WorkflowStartOptions,
};
use tenantry_bench::{
    Spread,
    app::{self, insist},
    report::{self, Aim, Table},
    rounds::{alternate, quantile},
    service::Service,
    sizes::size,
};
use tenantry_client::{
    Client,
    executions::{ExecutionStatus, Start},
    workflows::Source,
};
use tenantry_domain::{
    Clock as _, ExecutionId, OrgScope, Quota, SystemClock, TemporalWorkflowId,
    repository::OrganizationRepository as _,
};
use tenantry_sandbox::Sandbox;
use tenantry_storage::{Doors as _, Options, Store};
use tenantry_temporal::{
    Dispatcher, Ending, ExecutionJournal, Program, Recording, ScheduledRun, ScheduledStart, StartExecution,
    Temporal, WorkerPool, egress::Policy,
};
use tenantry_test_support::{App, Database, Servers, Setup, Tenant};
use tokio::{task::JoinSet, time::Instant as Deadline};

const AT_ONCE: [usize; 2] = [1, 16];
/// Executions a second, to those of the plain workflow.
const AIM: Aim = Aim::AtLeast(0.8);
const NAMES: [&str; 3] = ["plain", "dispatcher and workers", "whole"];
const QUOTAS: [Quota; 3] = [Quota::RequestsPerSecond, Quota::StartsPerSecond, Quota::RunningExecutions];

/// What is measured of a round.
struct Measured {
    rate: f64,
    p50: f64,
    p99: f64,
}

/// One way to execute.
struct Side {
    /// The client of its namespace, which waits for ends.
    ends: TemporalClient,
    starter: Starter,
}

enum Starter {
    /// It calls this address.
    Plain(String),
    Parts {
        dispatcher: Dispatcher,
        scope: OrgScope,
        definition: Value,
    },
    Whole(Client),
}

/// A journal that forgets.
struct Nowhere;

impl ExecutionJournal for Nowhere {
    fn activity_limit<'a>(&'a self, _: &'a OrgScope) -> Recording<'a, u32> {
        Box::pin(async { Ok(Quota::ConcurrentActivities.default_limit()) })
    }

    fn record_start<'a>(&'a self, _: &'a OrgScope, _: ScheduledRun) -> Recording<'a, ScheduledStart> {
        Box::pin(async { Ok(ScheduledStart::Gone) })
    }

    fn record_outcome<'a>(
        &'a self,
        _: &'a OrgScope,
        _: ExecutionId,
        _: TemporalWorkflowId,
        _: Ending,
    ) -> Recording<'a> {
        Box::pin(async { Ok(()) })
    }
}

impl Side {
    /// Starts an execution, and waits for its end.
    async fn execute(&self) {
        let id = ExecutionId::generate(SystemClock.now());
        match &self.starter {
            Starter::Plain(url) => {
                let options = WorkflowStartOptions::new(plain::TASK_QUEUE, id.to_string()).build();
                let started = self.ends.start_workflow(plain::Plain::run, url.clone(), options).await;
                started.expect("it starts");
            }
            Starter::Parts { dispatcher, scope, definition } => {
                let program = Program::Definition {
                    name: "two-calls".to_owned(),
                    revision: 1,
                    definition: definition.clone(),
                };
                let start = StartExecution { id, program, input: json!({}) };
                dispatcher.start(scope, start).await.expect("it starts");
            }
            Starter::Whole(client) => {
                let start = Start { execution_id: Some(id.to_string()), ..Start::default() };
                insist(|| client.executions().start("two-calls", &start).send()).await;
            }
        }
        let handle = self.ends.get_workflow_handle::<UntypedWorkflow>(id.to_string());
        handle.get_result(WorkflowGetResultOptions::default()).await.expect("it ends well");
        if let Starter::Whole(client) = &self.starter {
            let execution = insist(|| client.executions().get(&id.to_string()).send()).await;
            assert_eq!(execution.status, ExecutionStatus::Completed);
        }
    }
}

/// Executes for so long, so many at once.
async fn measure(side: &Arc<Side>, at_once: usize, round: Duration) -> Measured {
    let (began, end) = (Instant::now(), Deadline::now() + round);
    let mut executing = JoinSet::new();
    for _ in 0..at_once {
        let side = Arc::clone(side);
        executing.spawn(async move {
            let mut took = Vec::new();
            while Deadline::now() < end {
                let began = Instant::now();
                side.execute().await;
                took.push(began.elapsed().as_secs_f64());
            }
            took
        });
    }
    let mut took = executing.join_all().await.concat();
    let seconds = began.elapsed().as_secs_f64();
    took.sort_by(f64::total_cmp);
    let count = u32::try_from(took.len()).map_or(f64::INFINITY, f64::from);
    Measured { rate: count / seconds, p50: quantile(&took, 50), p99: quantile(&took, 99) }
}

fn definition(service: &Service) -> Value {
    let call =
        json!({ "call": "http", "with": { "method": "get", "endpoint": format!("{}/now", service.url) } });
    json!({
        "document": { "dsl": "1.0.3", "namespace": "bench", "name": "two-calls", "version": "1.0.0" },
        "do": [{ "one": call }, { "two": call }],
    })
}

/// The SDK's own client of the organization's namespace.
async fn temporal_client(tenant: &Tenant) -> TemporalClient {
    let address = Servers::get().temporal_address.trim_start_matches("http://");
    let url: url::Url = format!("http://{address}").parse().expect("an address");
    let connection =
        Connection::connect(ConnectionOptions::new(url).build()).await.expect("Temporal answers");
    let namespace = tenant.organization.namespace.clone().expect("an active organization has one");
    TemporalClient::new(connection, ClientOptions::new(namespace).build()).expect("a client")
}

async fn scope(app: &App, tenant: &Tenant) -> OrgScope {
    let store = Store::new(&app.database.url, &Options::default()).expect("the database has a URL");
    let mut tx = store.platform().await.expect("the platform's door opens");
    let found = tx.organization_by_slug(&tenant.slug).await.expect("PostgreSQL answers");
    #[expect(clippy::disallowed_methods, reason = "a benchmark acts for the organization that it made")]
    OrgScope::for_reconciler(&found.expect("it was made"))
}

async fn plain_side(app: &App, service: &Service) -> Side {
    let ends = temporal_client(&app::tenant(app, "plain").await).await;
    plain::start_worker(ends.clone());
    Side { ends, starter: Starter::Plain(format!("{}/now", service.url)) }
}

/// The side without REST and PostgreSQL, and the workers that it needs.
async fn parts_side(app: &App, service: &Service) -> (Side, WorkerPool) {
    let tenant = app::tenant(app, "parts").await;
    let (ends, scope) = (temporal_client(&tenant).await, scope(app, &tenant).await);
    let temporal = Temporal::connect(&Servers::get().temporal_address).expect("an address");
    let egress = Policy::allowing(["127.0.0.0/8".parse().expect("a network")]);
    let sandbox = Arc::new(Sandbox::new().expect("the sandbox was built for this machine"));
    let pool = WorkerPool::start(temporal.clone(), Arc::new(Nowhere), egress, sandbox).expect("a pool");
    pool.ensure(&scope);
    let starter =
        Starter::Parts { dispatcher: Dispatcher::new(temporal), scope, definition: definition(service) };
    (Side { ends, starter }, pool)
}

async fn whole_side(app: &App, service: &Service) -> Side {
    let tenant = app::tenant(app, "whole").await;
    app::set_quotas(app, &tenant, &QUOTAS.map(|quota| (quota, quota.max_limit()))).await;
    let text = definition(service).to_string();
    let put = tenant.manager.workflows().put("two-calls", Source::Json(&text));
    put.send().await.expect("the definition is good");
    Side { ends: temporal_client(&tenant).await, starter: Starter::Whole(tenant.manager) }
}

#[tokio::main]
pub(crate) async fn run() {
    let (rounds, seconds) = (size("--rounds", 15), size("--seconds", 4));
    let setup = Setup { options: Options::default(), ..Setup::default() };
    let app = App::launch(&Servers::get().temporal_address, Database::migrated().await, setup).await;
    report::begin("executions", &mut app.database.owner().await).await;
    let service = Service::start().await;
    let (parts, pool) = parts_side(&app, &service).await;
    let mut sides = [plain_side(&app, &service).await, parts, whole_side(&app, &service).await].map(Arc::new);
    let head = ["at once", "", "executions/s", "p50 ms", "p99 ms", "rate, to plain", "p50, to plain", "aim"];
    let mut table = Table::new(&head);
    for at_once in AT_ONCE {
        let round = Duration::from_secs(seconds);
        let measured = alternate(rounds, &mut sides, async |side| measure(side, at_once, round).await).await;
        describe(&mut table, at_once, &measured);
    }
    println!("{table}");
    pool.stop().await;
    app.stop().await;
}

fn describe(table: &mut Table, at_once: usize, measured: &[Vec<Measured>]) {
    for (number, (name, side)) in NAMES.iter().zip(measured).enumerate() {
        let median = |value: fn(&Measured) -> f64| Spread::of(side.iter().map(value)).median;
        let ratio = |value: fn(&Measured) -> f64| Spread::of_ratio(side, &measured[0], value);
        let rate = ratio(|side| side.rate);
        // The first is what the others are compared with.
        let verdict = if number == 0 { String::new() } else { AIM.verdict(rate.median) };
        table.row(&[
            &at_once,
            name,
            &format!("{:.1}", median(|side| side.rate)),
            &format!("{:.1}", median(|side| side.p50) * 1e3),
            &format!("{:.1}", median(|side| side.p99) * 1e3),
            &rate,
            &ratio(|side| side.p50),
            &verdict,
        ]);
    }
}
