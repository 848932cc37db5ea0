//! What many organizations take that do little: `tenantry serve` as a process of its own, on a PostgreSQL and a Temporal of its own, with
//! 10, 100 and 1,000 organizations that rest, and with 1,000 that start an execution each minute. And how long an execution takes until its
//! first task is under way, in an organization that has no worker and in one that has: from its start to the arrival of its call.
//!
//! `--organizations` of the largest stage, `--seconds` that each stage is watched, `--samples` of first tasks, `--minutes` of work.

use std::{
    env,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tenantry_bench::{
    app::insist,
    process::Taken,
    report::{self, Aim, Table},
    rounds::quantile,
    service::Service,
    sizes::size,
};
use tenantry_client::{
    Client,
    executions::Start,
    organizations::{NewOrganization, OrganizationStatus as Status},
    workflows::Source,
};
use tenantry_test_support::{PrivatePostgres, PrivateTemporal};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    task::JoinSet,
    time::{interval, sleep},
};

/// How many organizations rest in the smaller stages.
const SMALLER: [usize; 2] = [10, 100];
const TAKEN: [&str; 7] =
    ["organizations", "part", "memory MB", "of a core, %", "threads", "files", "sockets"];
const FIRST: [&str; 5] = ["first tasks", "executions", "p50 ms", "p99 ms", "longest ms"];
/// How many requests are under way while organizations are made.
const AT_ONCE: usize = 8;
/// How long everything may settle before it is watched.
const SETTLING: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_millis(200);
const MINUTE: Duration = Duration::from_mins(1);
/// The milliseconds that 99 of 100 first tasks wait longer in an organization without a worker.
const AIM: Aim = Aim::AtMost(300.0);

/// The deployment: the server, and what it stands on.
struct Deployment {
    server: Child,
    temporal: PrivateTemporal,
    postgres: PrivatePostgres,
    admin: Client,
    service: Service,
}

impl Deployment {
    async fn start() -> Self {
        let (postgres, temporal) = (PrivatePostgres::start().await, PrivateTemporal::start_lasting().await);
        tenantry(&["migrate", "up"], &postgres).await;
        let key = tenantry(&["bootstrap", "--email", "ops@example.com"], &postgres).await;
        let mut server =
            command(&["serve", "--http-addr", "127.0.0.1:0", "--egress-allow", "127.0.0.0/8"], &postgres)
                .env("TEMPORAL_ADDRESS", temporal.address())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .expect("the server starts");
        let admin = Client::new(&serving_at(&mut server).await, key.trim().to_owned()).expect("a client");
        Self { server, temporal, postgres, admin, service: Service::start().await }
    }

    /// What each part takes: the server, Temporal, PostgreSQL.
    fn taken(&self) -> [Taken; 3] {
        let server = self.server.id().map(Taken::by).unwrap_or_default();
        let all = |processes: Vec<tenantry_test_support::Process>| {
            processes.into_iter().map(|process| Taken::by(process.id)).sum()
        };
        [server, all(self.temporal.processes()), all(self.postgres.processes())]
    }

    /// Makes organizations up to this number, each with the definition, and waits until all are active.
    async fn grow(&self, from: usize, to: usize) {
        let mut making = JoinSet::new();
        for first in from..(from + AT_ONCE).min(to) {
            let (admin, definition) = (self.admin.clone(), self.definition());
            making.spawn(async move {
                for number in (first..to).step_by(AT_ONCE) {
                    make(&admin, number, &definition).await;
                }
            });
        }
        making.join_all().await;
    }

    fn definition(&self) -> String {
        let body = json!({ "execution": "${ $workflow.id }" });
        let call =
            json!({ "method": "post", "endpoint": format!("{}/come", self.service.url), "body": body });
        let document = json!({ "dsl": "1.0.3", "namespace": "bench", "name": "come", "version": "1.0.0" });
        json!({ "document": document, "do": [{ "come": { "call": "http", "with": call } }] }).to_string()
    }

    /// The seconds from a start to the arrival of the execution's first call.
    async fn first_task(&self, organization: usize) -> f64 {
        first_task(&self.admin, &self.service, organization).await
    }

    /// Starts an execution in each organization each minute, evenly, for so long; answers how long their first tasks took.
    async fn work(&self, organizations: usize, minutes: u32) -> Vec<f64> {
        let mut starts = interval(MINUTE / u32::try_from(organizations).expect("few"));
        let mut executing = JoinSet::new();
        for number in (0..organizations).cycle().take(organizations * usize::try_from(minutes).expect("few"))
        {
            starts.tick().await;
            let (admin, service) = (self.admin.clone(), self.service.clone());
            executing.spawn(async move { first_task(&admin, &service, number).await });
        }
        executing.join_all().await
    }
}

async fn first_task(admin: &Client, service: &Service, organization: usize) -> f64 {
    let acting = admin.clone().with_organization(slug(organization));
    let began = Instant::now();
    let start = Start::default();
    let execution = insist(|| acting.executions().start("come", &start).send()).await;
    service.arrival(&execution.id).await.duration_since(began).as_secs_f64()
}

fn slug(number: usize) -> String {
    format!("org-{number}")
}

async fn make(admin: &Client, number: usize, definition: &str) {
    let new = NewOrganization { slug: slug(number), name: slug(number) };
    let made = insist(|| admin.organizations().create(&new).send()).await;
    while insist(|| admin.organizations().get(&made.id).send()).await.status != Status::Active {
        sleep(EVERY).await;
    }
    let acting = admin.clone().with_organization(slug(number));
    insist(|| acting.workflows().put("come", Source::Json(definition)).send()).await;
}

/// The program beside this one, with the deployment's PostgreSQL.
fn command(arguments: &[&str], postgres: &PrivatePostgres) -> Command {
    let program = env::current_exe().expect("a program knows its file").with_file_name("tenantry");
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("DATABASE_URL", postgres.url());
    command
}

async fn tenantry(arguments: &[&str], postgres: &PrivatePostgres) -> String {
    let left = command(arguments, postgres).output().await.expect("`tenantry` was built, too");
    assert!(left.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&left.stderr));
    String::from_utf8(left.stdout).expect("text")
}

/// Waits until the server serves. What else it says is read and forgotten.
async fn serving_at(server: &mut Child) -> String {
    let mut lines = BufReader::new(server.stderr.take().expect("a pipe")).lines();
    while let Some(line) = lines.next_line().await.expect("text") {
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        if said["message"] == "serving" {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return said["url"].as_str().expect("a URL").to_owned();
        }
    }
    panic!("the server has ended")
}

/// What was taken at the end of a stage, and the processor time during it, as rows.
fn describe(table: &mut Table, stage: &str, [before, after]: [[Taken; 3]; 2], watched: Duration) {
    for (part, (before, after)) in ["tenantry", "Temporal", "PostgreSQL"].iter().zip(before.iter().zip(after))
    {
        table.row(&[
            &stage,
            part,
            &format!("{:.0}", after.memory / 1e6),
            &format!("{:.1}", (after.cpu - before.cpu) / watched.as_secs_f64() * 100.0),
            &after.threads,
            &after.files,
            &after.sockets,
        ]);
    }
}

/// How long first tasks took.
fn describe_first(table: &mut Table, which: &str, mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    let [p50, p99, longest] = [50, 99, 100].map(|percent| quantile(&took, percent) * 1e3);
    let milliseconds = |value| format!("{value:.0}");
    table.row(&[&which, &took.len(), &milliseconds(p50), &milliseconds(p99), &milliseconds(longest)]);
    p99
}

#[tokio::main]
pub(crate) async fn run() {
    let (most, samples) = (size("--organizations", 1_000), size("--samples", 100));
    let (watched, minutes) = (Duration::from_secs(size("--seconds", 30)), size("--minutes", 4));
    let deployment = Deployment::start().await;
    let mut owner = PgConnection::connect(deployment.postgres.url()).await.expect("PostgreSQL answers");
    report::begin("density", &mut owner).await;
    drop(owner);
    let mut table = Table::new(&TAKEN);
    let mut there = 0;
    for organizations in SMALLER.into_iter().filter(|&smaller| smaller < most).chain([most]) {
        deployment.grow(there, organizations).await;
        there = organizations;
        sleep(SETTLING).await;
        let before = deployment.taken();
        sleep(watched).await;
        describe(&mut table, &format!("{organizations} at rest"), [before, deployment.taken()], watched);
    }

    println!("{table}");

    let mut first = Table::new(&FIRST);
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for organization in 0..samples.min(most) {
        cold.push(deployment.first_task(organization).await);
        warm.push(deployment.first_task(organization).await);
    }
    let cold = describe_first(&mut first, "without a worker", cold);
    let warm = describe_first(&mut first, "with one", warm);
    println!("{first}");
    AIM.judge("milliseconds that the p99 without a worker is above that with one", cold - warm);

    // Last, since it may be more than this machine's Temporal can do.
    let before = async {
        // All have begun to work when the last minute begins.
        sleep(MINUTE * (minutes - 1)).await;
        deployment.taken()
    };
    let (before, took) = tokio::join!(before, deployment.work(most, minutes));
    let (mut table, mut first) = (Table::new(&TAKEN), Table::new(&FIRST));
    let what = "one execution a minute each";
    describe(&mut table, &format!("{most}, {what}"), [before, deployment.taken()], MINUTE);
    describe_first(&mut first, what, took);
    println!("{table}\n{first}");
}
