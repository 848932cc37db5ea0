use axum::{Json, Router, body::Body, extract::ConnectInfo, http::Request, routing::get};
use std::{net::SocketAddr, sync::Arc, time::Instant};
use tenantry_domain::SystemClock;
use tenantry_services::Services;
use tenantry_storage::{Options, Store};
use tower::Service as _;

fn request() -> Request<Body> {
    let mut r = Request::builder()
        .uri("/healthz")
        .header("host", "x")
        .header("authorization", "Bearer tn_xxxxxxxxxxxxxxxxxxxxxxxx")
        .body(Body::empty())
        .expect("r");
    r.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 5000))));
    r
}
async fn time(name: &str, router: &Router) -> f64 {
    let n = 300_000;
    let began = Instant::now();
    for _ in 0..n {
        let response = router.clone().call(request()).await.expect("infallible");
        std::hint::black_box(response);
    }
    let ns = began.elapsed().as_nanos() as f64 / n as f64;
    println!("{name} {ns:.0} ns");
    ns
}
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let store = Store::new("postgres://a:b@127.0.0.1:1/x", &Options::default()).expect("store");
    let temporal = tenantry_temporal::Temporal::connect("http://127.0.0.1:1").expect("t");
    let (services, _r) =
        Services::new(store, temporal, tenantry_temporal::egress::Policy::strict(), Arc::new(SystemClock))
            .expect("s");
    let full = tenantry_api::router(services, &tenantry_api::Settings::default());
    let bare = Router::new().route("/healthz", get(|| async { Json(serde_json::json!({"status": "ok"})) }));
    if std::env::args().nth(1).as_deref() == Some("log") {
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_writer(std::io::stderr)
            .init();
    }
    for _ in 0..5 {
        let b = time("bare", &bare).await;
        let f = time("full", &full).await;
        println!("  diff {:.0}", f - b);
    }
}
