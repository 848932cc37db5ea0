//! What authentication costs a request: `GET /api/v0/me` with a valid key, against the same JSON from a route of the same server that asks
//! for nothing; and, for scale, from a bare handler on the same port.

use std::{
    fmt::Display,
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
    load::{Expected, Generator, Order, Report},
    log,
    report::{self, Aim, Table},
    rounds::alternate,
};
use tenantry_storage::Options;
use tenantry_test_support::{App, Database, Servers, Setup};

const CONNECTIONS: [usize; 3] = [1, 16, 64];
const ROUNDS: usize = 25;
const ROUND: Duration = Duration::from_millis(400);

#[tokio::main]
pub(crate) async fn run() {
    let set_log_level = log::start();
    let me = Arc::new(OnceLock::new());
    let setup = Setup {
        options: Options::default(),
        beside: open("/bare", &me),
        among: open("/plain", &me),
        ..Setup::default()
    };
    let database = Database::migrated().await;
    let app = App::launch(&Servers::get().temporal_address, database, setup).await;
    report::begin("front_door", &mut app.database.owner().await).await;
    let tenant = app::tenant(&app, "bench").await;
    let data = tenant.manager.me().raw().send().await.expect("the manager calls");
    me.set(json!({ "data": data })).expect("it is set once");

    let mut generator = Generator::start();
    let mut table = Table::new(&["log", "connections", "", "bare", "plain", "with a key", "to plain", "aim"]);
    for level in ["off", "info"] {
        set_log_level(level);
        for connections in CONNECTIONS {
            eprintln!("log {level}, {connections} connections");
            let order = |path| order(&app, path, &tenant.manager_key, connections);
            let mut sides = [order("/bare"), order("/plain"), order("/api/v0/me")];
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
        let [bare, plain, with_key] = measured else { panic!("there are three sides") };
        let median = |side: &[Report]| format!("{:.0}", Spread::of(side.iter().map(self.value)).median);
        let ratio = Spread::of_ratio(with_key, plain, self.value);
        let aim = self.aim.map(|aim| aim.verdict(ratio.median)).unwrap_or_default();
        let (bare, plain, with_key) = (median(bare), median(plain), median(with_key));
        table.row(&[of[0], of[1], &self.name, &bare, &plain, &with_key, &ratio, &aim]);
    }
}

/// The same request but for its path, so that all routes read as much.
fn order(app: &App, path: &str, key: &str, connections: usize) -> Order {
    let address = app.url.trim_start_matches("http://");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nAccept: */*\r\n\r\n"
    );
    let address = address.parse().expect("the server has an address");
    Order {
        address,
        request,
        connections,
        duration: ROUND,
        rest: Duration::ZERO,
        expected: Expected::Success,
    }
}

/// A route that asks for nothing and limits nothing.
fn open(path: &str, me: &Arc<OnceLock<Value>>) -> Router {
    let me = Arc::clone(me);
    Router::new().route(path, get(async move || -> Response { Json(me.get()).into_response() }))
}
