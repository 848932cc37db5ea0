//! `/healthz` and `/readyz`, when all is well; `faults` has the rest.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use tenantry_test_support::App;

use crate::{caller::Caller, log::Log};

#[tokio::test]
async fn should_live_and_be_ready_for_anybody() {
    let app = App::start().await;
    let anonymous = Caller::anonymous(&app);
    for (path, status) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = anonymous.send(Method::GET, path, None).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"status": status})));
        assert_eq!(anonymous.send(Method::HEAD, path, None).await.status, 200);
    }
}

#[tokio::test]
async fn should_not_ask_postgresql_each_time_that_somebody_asks_it() {
    let log = Log::listen();
    let app = App::start().await;
    let anonymous = Caller::anonymous(&app);
    let asked = || log.text().matches("select 1").count();
    let before = asked();
    for answer in join_all((0..300).map(|_| anonymous.send(Method::GET, "/readyz", None))).await {
        assert_eq!(answer.status, 200);
    }
    // A look lasts a second, and the machine may be slow; every look would be 300.
    assert!((1..20).contains(&(asked() - before)), "{} looks", asked() - before);
}
