//! `/executions/{execution}/tasks`.

use std::time::Duration;

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use tenantry_test_support::{App, Database, Link, Servers, eventually};

use crate::{
    caller::{Caller, text},
    tenant::{Tenant, execution_in},
    text::steady,
};

/// Sets, and then waits until it is asked to stop.
pub(crate) const LONG: &str = "\
document: {dsl: '1.0.3', namespace: test, name: long, version: '1.0.0'}
do:
  - begin: {set: {n: 1}}
  - never: {if: '${ .n == 2 }', set: {n: 3}}
  - outer:
      do:
        - rest: {wait: {minutes: 10}}
";

async fn acme() -> (App, Caller, Tenant) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    (app, admin, acme)
}

async fn started(acme: &Tenant, workflow: &str, input: &Value) -> String {
    let path = format!("/workflows/{workflow}/executions");
    text(&acme.customer.post(&path, &json!({ "input": input })).await.data(202)["id"])
}

async fn tasks(caller: &Caller, id: &str) -> Value {
    caller.get(&format!("/executions/{id}/tasks")).await.data(200)
}

/// The names of the tasks, and how far each has come.
fn statuses(tasks: &Value) -> Vec<(String, String)> {
    let all = tasks.as_array().expect("a list");
    all.iter().map(|task| (text(&task["name"]), text(&task["status"]))).collect()
}

fn long(running: &str) -> Vec<(String, String)> {
    let all = [("begin", "completed"), ("never", "skipped"), ("outer", running), ("rest", running)];
    all.map(|(name, status)| (name.to_owned(), status.to_owned())).into()
}

/// Waits until the definition waits.
async fn at_rest(caller: &Caller, id: &str) {
    eventually("it is at rest", || async {
        (statuses(&tasks(caller, id).await) == long("running")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn should_tell_the_tasks_while_they_run_and_when_they_were_canceled() {
    let (_app, _admin, acme) = acme().await;
    let id = started(&acme, "long", &json!({})).await;
    at_rest(&acme.customer, &id).await;
    let answer = acme.customer.get(&format!("/executions/{id}/tasks")).await;
    assert_eq!(answer.json()["next_cursor"], Value::Null);
    assert_json_snapshot!(steady(answer.data(200)));

    acme.customer.post(&format!("/executions/{id}/cancel"), &json!({})).await.data(202);
    execution_in(&acme.customer, &id, "canceled").await;
    let after = tasks(&acme.customer, &id).await;
    assert_eq!(statuses(&after), long("canceled"));
    assert!(after[3]["ended_at"].as_str() >= after[3]["started_at"].as_str());
}

#[tokio::test]
async fn should_tell_which_task_has_failed() {
    let (_app, _admin, acme) = acme().await;
    let id = started(&acme, "quote", &json!({"amount": {"a": 1}})).await;
    let failed = execution_in(&acme.customer, &id, "failed").await;
    let tasks = tasks(&acme.customer, &id).await;
    assert_eq!(statuses(&tasks), [("price".to_owned(), "failed".to_owned())]);
    assert_eq!(
        (&tasks[0]["error"], &tasks[0]["reference"]),
        (&failed["error"], &failed["error"]["instance"])
    );
}

#[tokio::test]
async fn should_tell_what_was_at_work_when_the_execution_was_terminated() {
    let (app, _admin, acme) = acme().await;
    let id = started(&acme, "long", &json!({})).await;
    at_rest(&acme.customer, &id).await;
    let terminated = acme.manager.post(&format!("/executions/{id}/terminate"), &json!({})).await.data(200);
    let shown = tasks(&acme.customer, &id).await;
    assert_eq!(statuses(&shown), long("terminated"));
    assert_eq!(shown[3]["ended_at"], terminated["ended_at"]);
    let kept = "select count(*) from executions where tasks is not null";
    let kept: i64 =
        sqlx::query_scalar(kept).fetch_one(&mut app.database.owner().await).await.expect("a count");
    assert_eq!(kept, 1, "it is written, and need not be asked for");

    let directly = started(&acme, "long", &json!({})).await;
    at_rest(&acme.customer, &directly).await;
    acme.own_worker("none").await.terminate(&directly).await;
    app.clock.advance(Duration::from_mins(1));
    execution_in(&acme.customer, &directly, "terminated").await;
    assert_eq!(statuses(&tasks(&acme.customer, &directly).await), long("terminated"));
}

#[tokio::test]
async fn should_have_no_tasks_of_own_workflow_types() {
    let (_app, _admin, acme) = acme().await;
    let own = json!({"workflow_type": "Order", "task_queue": "orders"});
    let id = text(&acme.customer.post("/executions", &own).await.data(202)["id"]);
    assert_eq!(tasks(&acme.customer, &id).await, json!([]));
}

#[tokio::test]
async fn should_say_that_nobody_can_tell_while_the_organization_rests() {
    let (_app, admin, acme) = acme().await;
    let id = started(&acme, "long", &json!({})).await;
    at_rest(&acme.customer, &id).await;
    admin.post("/organizations/acme/suspend", &json!({"executions": "pause"})).await.data(200);
    // A worker that is stopping may still answer.
    let inside = admin.inside("acme");
    let path = format!("/executions/{id}/tasks");
    let answer = eventually("nobody can tell", || async {
        let answer = inside.get(&path).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn should_tell_what_is_written_while_temporal_is_away() {
    let mut temporal = Link::to(&Servers::get().temporal_address);
    temporal.open();
    let app = App::start_with(&temporal.address(), Database::migrated().await).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let ended = started(&acme, "quote", &json!({"amount": 3})).await;
    execution_in(&acme.customer, &ended, "completed").await;
    let running = started(&acme, "long", &json!({})).await;
    at_rest(&acme.customer, &running).await;

    temporal.cut().await;
    let pending = started(&acme, "quote", &json!({"amount": 3})).await;
    assert_eq!(
        statuses(&tasks(&acme.customer, &ended).await),
        [("price".to_owned(), "completed".to_owned())]
    );
    assert_eq!(tasks(&acme.customer, &pending).await, json!([]));
    acme.customer.get(&format!("/executions/{running}/tasks")).await.problem(503, "unavailable");
}
