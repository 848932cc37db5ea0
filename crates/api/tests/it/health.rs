//! `/healthz` and `/readyz`, when all is well; `faults` has the rest.

use reqwest::Method;
use serde_json::json;
use tenantry_test_support::App;

use crate::caller::Caller;

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
