//! Quotas: what an organization may have, exactly.

use futures::future::join_all;
use serde_json::{Value, json};
use tenantry_test_support::App;

use crate::{
    caller::{Answer, Caller, text},
    tenant::{QUOTE, Tenant},
};

async fn acme() -> (App, Caller, Tenant) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    (app, admin, acme)
}

const QUOTAS: &str = "/organizations/acme/quotas";

#[tokio::test]
async fn should_let_admins_set_limits_and_managers_read_them() {
    let (_app, admin, acme) = acme().await;
    let defaults = acme.manager.get(QUOTAS).await.data(200);
    assert_eq!((&defaults["users"], &defaults["retention_days"]), (&json!(100), &json!(7)));
    let set = admin.put_json(QUOTAS, &json!({"users": 5, "workflows": 7})).await.data(200);
    assert_eq!((&set["users"], &set["workflows"], &set["api_keys"]), (&json!(5), &json!(7), &json!(500)));
    assert_eq!(acme.manager.get(QUOTAS).await.data(200), set);
    acme.manager.put_json(QUOTAS, &json!({"users": 500})).await.problem(403, "forbidden");
    acme.customer.get(QUOTAS).await.problem(403, "forbidden");
    let wrong =
        admin.put_json(QUOTAS, &json!({"users": -1, "cats": 1, "retention_days": 0, "workflows": "x"})).await;
    let mut fields = wrong.wrong_fields(422, "invalid");
    fields.sort();
    assert_eq!(fields, ["cats", "retention_days", "users", "workflows"]);
    assert_eq!(acme.manager.get(QUOTAS).await.data(200), set, "nothing of a wrong request counts");
}

#[tokio::test]
async fn should_count_what_an_organization_has() {
    let (_app, _admin, acme) = acme().await;
    let usage = acme.manager.get("/organizations/acme/usage").await.data(200);
    let count = |name: &str| usage[name].clone();
    assert_eq!((count("users"), count("api_keys"), count("workflows")), (json!(3), json!(3), json!(1)));
}

/// Asks for the same fifty times at once, and answers how many got it.
async fn granted(ask: impl AsyncFn(usize) -> Answer, quota: &str, limit: u32) -> usize {
    let answers = join_all((0..50).map(|n| ask(n))).await;
    let (granted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status < 300);
    for answer in refused {
        let problem = answer.problem(429, "quota_exceeded");
        let said = (&problem["quota"], &problem["limit"], &problem["used"]);
        assert_eq!(said, (&json!(quota), &json!(limit), &json!(limit)), "{problem}");
    }
    granted.len()
}

#[tokio::test]
async fn should_not_let_fifty_at_once_pass_the_limit_of_users() {
    let (_app, admin, acme) = acme().await;
    admin.put_json(QUOTAS, &json!({"users": 10})).await.data(200);
    let ask = async |n: usize| {
        let user = json!({"kind": "service", "name": format!("Robot {n}"), "role": "worker"});
        acme.manager.post("/organizations/acme/users", &user).await
    };
    assert_eq!(granted(ask, "users", 10).await, 7, "three were there");
}

#[tokio::test]
async fn should_not_let_fifty_at_once_pass_the_limit_of_keys_and_count_only_live_ones() {
    let (_app, admin, acme) = acme().await;
    admin.put_json(QUOTAS, &json!({"api_keys": 8})).await.data(200);
    let path = format!("/users/{}/api-keys", acme.customer.user);
    let ask = async |n: usize| acme.manager.post(&path, &json!({"name": format!("Key {n}")})).await;
    assert_eq!(granted(ask, "api_keys", 8).await, 5, "three were there");
    assert_eq!(acme.manager.delete(&format!("/api-keys/{}", acme.worker.api_key)).await.status, 204);
    acme.manager.post(&path, &json!({"name": "in its place"})).await.data(201);
}

#[tokio::test]
async fn should_not_let_fifty_at_once_pass_the_limit_of_workflows() {
    let (_app, admin, acme) = acme().await;
    admin.put_json(QUOTAS, &json!({"workflows": 6})).await.data(200);
    let ask = async |n: usize| {
        let definition = QUOTE.replace("name: quote", &format!("name: quote-{n}"));
        acme.manager.put(&format!("/workflows/quote-{n}"), &definition).await
    };
    assert_eq!(granted(ask, "workflows", 6).await, 5, "one was there");
    let changed = QUOTE.replace("* 2", "* 3");
    let revised = acme.manager.put("/workflows/quote", &changed).await.data(201);
    assert_eq!(revised["revision"], json!(2), "a revision is no workflow more");
}

#[tokio::test]
async fn should_not_let_fifty_at_once_pass_the_limit_of_running_executions() {
    let (_app, admin, acme) = acme().await;
    let long = "document: {dsl: '1.0.3', namespace: test, name: long, version: '1.0.0'}
do: [{pause: {wait: {minutes: 10}}}]
";
    acme.manager.put("/workflows/long", long).await.data(201);
    admin.put_json(QUOTAS, &json!({"running_executions": 4})).await.data(200);
    let ask = async |_| acme.customer.post("/workflows/long/executions", &json!({})).await;
    assert_eq!(granted(ask, "running_executions", 4).await, 4);
    let running = acme.customer.get("/executions?status=running").await.data(200);
    let ids: Vec<String> =
        running.as_array().into_iter().flatten().map(|one: &Value| text(&one["id"])).collect();
    assert!(ids.len() <= 4, "{ids:?}");
}

#[tokio::test]
async fn should_limit_how_many_executions_start_in_a_second() {
    let (app, admin, acme) = acme().await;
    admin.put_json(QUOTAS, &json!({"starts_per_second": 0})).await.data(200);
    let refused = acme.customer.post("/workflows/quote/executions", &json!({})).await;
    assert_eq!(refused.problem(429, "quota_exceeded")["quota"], json!("starts_per_second"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    admin.put_json(QUOTAS, &json!({"starts_per_second": 1})).await.data(200);
    acme.start().await;
    app.clock.advance(std::time::Duration::from_secs(2));
    acme.start().await;
}
