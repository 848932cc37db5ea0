//! What authentication costs a request: `GET /api/v0/me` with a valid key, against the same JSON from a route of the same server that asks
//! for nothing.

#![expect(clippy::expect_used, reason = "a benchmark that cannot do its work has nobody else to tell")]

use std::{
    fmt::Display,
    fs::File,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Json, Router,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use tenantry_bench::{
    Spread, app,
    load::{self, Generator, Order, Report},
    report::{self, Aim, Table},
    rounds::alternate,
};
use tenantry_storage::Options;
use tenantry_test_support::{App, Database, Servers, Setup};
use tracing_subscriber::EnvFilter;

const CONNECTIONS: [usize; 3] = [1, 16, 64];
const ROUNDS: usize = 25;
const ROUND: Duration = Duration::from_millis(400);

fn main() {
    if std::env::args().nth(1).as_deref() == Some(load::ARGUMENT) {
        return load::obey();
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime for the server");
    runtime.block_on(compare());
}

async fn compare() {
    let set_log_level = start_log();
    let me = Arc::new(OnceLock::new());
    let setup = Setup { options: Options::default(), beside: plain(Arc::clone(&me)), ..Setup::default() };
    let database = Database::migrated().await;
    let app = App::launch(&Servers::get().temporal_address, database, setup).await;
    report::begin("front_door", &mut app.database.owner().await).await;
    let tenant = app::tenant(&app).await;
    let data = tenant.manager.me().raw().send().await.expect("the manager calls");
    me.set(json!({ "data": data })).expect("it is set once");

    let mut generator = Generator::start();
    let mut table = Table::new(&["log", "connections", "", "plain", "with a key", "ratio", "aim"]);
    for level in ["off", "info"] {
        set_log_level(level);
        for connections in CONNECTIONS {
            eprintln!("log {level}, {connections} connections");
            let order = |path| order(&app, path, &tenant.manager_key, connections);
            let mut sides = [order("/plain"), order("/api/v0/me")];
            let measured = alternate(ROUNDS, &mut sides, async |order| generator.run(order).await).await;
            for measure in MEASURES {
                measure.describe(&mut table, &[&level, &connections], &measured);
            }
        }
    }
    println!("{table}");
    app.stop().await;
}

/// One of the things that are measured.
struct Measure {
    name: &'static str,
    value: fn(&Report) -> f64,
    /// What is to become of its ratio.
    aim: Option<Aim>,
}

const MEASURES: [Measure; 4] = [
    Measure { name: "answers/s", value: |report| report.rate, aim: Some(Aim::AtLeast(0.85)) },
    Measure { name: "p50 µs", value: |report| report.p50 * 1e6, aim: None },
    Measure { name: "p99 µs", value: |report| report.p99 * 1e6, aim: Some(Aim::AtMost(1.25)) },
    Measure { name: "server's CPU µs", value: |report| report.server_cpu * 1e6, aim: None },
];

impl Measure {
    fn describe(&self, table: &mut Table, of: &[&dyn Display; 2], measured: &[Vec<Report>]) {
        let [plain, with_key] = measured else { panic!("there are two sides") };
        let median = |side: &[Report]| format!("{:.0}", Spread::of(side.iter().map(self.value)).median);
        let ratio = Spread::of_ratio(with_key, plain, self.value);
        let aim = self.aim.map(|aim| aim.verdict(ratio.median)).unwrap_or_default();
        table.row(&[of[0], of[1], &self.name, &median(plain), &median(with_key), &ratio, &aim]);
    }
}

/// The same request but for its path, so that both routes read as much.
fn order(app: &App, path: &str, key: &str, connections: usize) -> Order {
    let address = app.url.trim_start_matches("http://");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nAccept: */*\r\n\r\n"
    );
    let address = address.parse().expect("the server has an address");
    Order { address, request, connections, duration: ROUND }
}

/// A route that asks for nothing and limits nothing.
fn plain(me: Arc<OnceLock<Value>>) -> Router {
    Router::new().route("/plain", get(async move || -> Response { Json(me.get()).into_response() }))
}

/// Begins to log as production does, into nothing, and answers what sets the level.
fn start_log() -> impl Fn(&str) {
    let nowhere = File::options().write(true).open("/dev/null").expect("a file that every Unix has");
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(Arc::new(nowhere))
        .with_env_filter(EnvFilter::new("off"))
        .with_filter_reloading();
    let filter = subscriber.reload_handle();
    subscriber.init();
    move |level| filter.reload(EnvFilter::new(level)).expect("the log goes on")
}
