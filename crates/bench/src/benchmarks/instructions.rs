//! How many instructions the way of a known caller takes, as callgrind counts them: a number that no noise moves, and so a guard. The
//! program fails when it has grown.
//!
//! It starts itself again in valgrind, which has to be on `PATH`, once for each route. The requests go straight to the router: what
//! hyper and the network take is not counted.

use std::{
    env,
    process::Command,
    sync::{Arc, OnceLock},
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{StatusCode, header::AUTHORIZATION},
    response::IntoResponse as _,
    routing::get,
};
use serde_json::{Value, json};
use tenantry_bench::{app, log, report::Table};
use tenantry_test_support::{App, Database, Servers, Setup};
use tokio::runtime::{self, Runtime};
use tower::ServiceExt as _;

const PLAIN: &str = "/plain";
const ME: &str = "/api/v0/me";
/// What `/me` may take, by the level of the log. Whoever makes it cheaper lowers this; whoever needs more says why.
const MOST: [(&str, u64); 1] = [("off", 52_000)];
/// How many requests are counted, after some that are not.
const COUNTED: u64 = 2_000;
const WARM_UP: u64 = 200;

pub(crate) fn run() {
    if let (Some(route), Some(level)) = (env::args().nth(2), env::args().nth(3)) {
        return measure(&route, &level);
    }
    println!("`make bench BENCH=instructions`\n");
    let mut table = Table::new(&["log", "plain", "`/me` with a known key", "to plain", "at most"]);
    let mut too_many = Vec::new();
    for (level, most) in MOST {
        let (plain, me) = (count(PLAIN, level), count(ME, level));
        #[expect(clippy::cast_precision_loss, reason = "they are few")]
        let ratio = me as f64 / plain as f64;
        table.row(&[&level, &plain, &me, &format!("{ratio:.2}"), &most]);
        too_many.extend((me > most).then_some(level));
    }
    println!("{table}");
    assert!(too_many.is_empty(), "`/me` takes too many instructions with the log at {too_many:?}");
}

/// The instructions that a request to the route takes.
fn count(route: &str, level: &str) -> u64 {
    let program = env::current_exe().expect("a program knows its file");
    let arguments = ["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*counted_request*"];
    let mut valgrind = Command::new("valgrind");
    valgrind.args(arguments).arg("--callgrind-out-file=/dev/null").arg(program);
    valgrind.args(["instructions", route, level]);
    let output = valgrind.output().expect("valgrind is on PATH (Debian: apt-get install valgrind)");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let collected = collected.and_then(|(_, number)| number.trim().parse::<u64>().ok());
    collected.expect("callgrind says what it has collected") / COUNTED
}

/// Asks for the route again and again, on this thread alone.
fn measure(route: &str, level: &str) {
    log::start()(level);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (app, key) = runtime.block_on(start());
    for _ in 0..WARM_UP {
        request(&runtime, &app.router, route, &key);
    }
    for _ in 0..COUNTED {
        counted_request(&runtime, &app.router, route, &key);
    }
    runtime.block_on(app.stop());
}

async fn start() -> (App, String) {
    let database = Database::migrated().await;
    let me = Arc::new(OnceLock::<Value>::new());
    let said = Arc::clone(&me);
    let among = Router::new().route(PLAIN, get(async move || Json(said.get()).into_response()));
    let app =
        App::launch(&Servers::get().temporal_address, database, Setup { among, ..Setup::default() }).await;
    let tenant = app::tenant(&app, "bench").await;
    let data = tenant.manager.me().raw().send().await.expect("the manager calls");
    me.set(json!({ "data": data })).expect("it is set once");
    (app, tenant.manager_key)
}

/// The name is what callgrind is told to count below.
#[inline(never)]
fn counted_request(runtime: &Runtime, router: &Router, route: &str, key: &str) {
    request(runtime, router, route, key);
}

#[inline(never)]
fn request(runtime: &Runtime, router: &Router, route: &str, key: &str) {
    let request = Request::get(route).header(AUTHORIZATION, format!("Bearer {key}")).body(Body::empty());
    let answered = async {
        let response = router.clone().oneshot(request.expect("a request")).await.expect("a router answers");
        assert_eq!(response.status(), StatusCode::OK);
        to_bytes(response.into_body(), usize::MAX).await.expect("a body")
    };
    assert!(!runtime.block_on(answered).is_empty());
}
