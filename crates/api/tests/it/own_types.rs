//! `/executions` of own workflow types, and what is done to all executions: signals, terminations, ends that nobody reports.

use std::time::Duration;

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use tenantry_domain::{Permission, Role};
use tenantry_test_support::{Answer, App, Database, Link, OwnWorker, Servers, eventually};

use crate::{
    caller::{Caller, text},
    tenant::{Tenant, execution_in},
    text::steady,
};

const EXECUTIONS: &str = "/executions";
/// A definition that waits for long.
const LONG: &str = "\
document: {dsl: '1.0.3', namespace: test, name: long, version: '1.0.0'}
do:
  - rest: {wait: {minutes: 10}}
";

/// A running Tenantry with an organization, and a worker of that organization's own.
async fn ready() -> (App, Caller, Tenant, OwnWorker) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    let worker = acme.own_worker("orders").await;
    (app, admin, acme, worker)
}

fn order(amount: i32) -> Value {
    json!({"workflow_type": "Order", "task_queue": "orders", "input": {"amount": amount}})
}

fn order_7() -> Value {
    json!({"workflow_type": "Order", "task_queue": "orders", "input": {"amount": 3}, "workflow_id": "order-7"})
}

async fn started(caller: &Caller, body: &Value) -> String {
    text(&caller.post(EXECUTIONS, body).await.data(202)["id"])
}

/// The same, as the list tells it: without asking for it.
async fn listed_in(caller: &Caller, id: &str, status: &str) -> Value {
    eventually(status, || async {
        let all = caller.get(EXECUTIONS).await.data(200);
        let all = all.as_array().expect("a list").clone();
        all.into_iter().find(|one| one["id"] == json!(id) && one["status"] == json!(status))
    })
    .await
}

/// The entries of the audit log about an execution: what was done, what came of it, and with what.
async fn log(caller: &Caller, id: &str) -> Vec<(String, String, Value)> {
    let entries = caller.get(&format!("/audit-log?resource={id}")).await.data(200);
    let entry = |entry: &Value| (text(&entry["action"]), text(&entry["outcome"]), entry["changes"].clone());
    entries.as_array().expect("a list").iter().rev().map(entry).collect()
}

async fn limited(by: &Caller, scopes: &[&str]) -> Caller {
    let body = json!({"name": "limited", "scopes": scopes});
    let key = by.post(&format!("/users/{}/api-keys", by.user), &body).await.data(201);
    by.holding(&key)
}

#[tokio::test]
async fn should_start_an_own_workflow_and_tell_its_output() {
    let (_app, _admin, acme, mut worker) = ready().await;
    let answer = acme.customer.post(EXECUTIONS, &order(3)).await;
    let execution = answer.data(202);
    let id = text(&execution["id"]);
    assert_eq!(answer.header("location"), Some(format!("/api/v0/executions/{id}").as_str()));
    assert_eq!((&execution["status"], &execution["workflow_id"]), (&json!("running"), &json!(id)));
    let task = worker.task().await;
    assert_eq!((task.workflow_type().as_str(), task.input()), ("Order", vec![r#"{"amount":3}"#.to_owned()]));
    worker.answer(task, Answer::Complete(r#"{"total":6}"#.to_owned())).await;
    assert_json_snapshot!(steady(execution_in(&acme.customer, &id, "completed").await));
    let changes = json!({"workflow_type": "Order", "task_queue": "orders", "workflow_id": id});
    let entry = ("execution.start".to_owned(), "ok".to_owned(), changes);
    assert_eq!(log(&acme.manager, &id).await, [entry]);
}

#[tokio::test]
async fn should_find_the_end_of_an_own_workflow_that_nobody_asks_for() {
    let (_app, _admin, acme, mut worker) = ready().await;
    let id = started(&acme.customer, &order(3)).await;
    worker.answer_next(Answer::ContinueAsNew).await;
    let task = worker.task().await;
    let (_, run_id) = task.execution();
    worker.answer(task, Answer::Fail("Payment", "no money")).await;
    let failed = listed_in(&acme.customer, &id, "failed").await;
    assert_eq!(failed["error"]["title"], json!("Payment"));
    assert_eq!(failed["run_id"], json!(run_id), "the run that it continued as");
    assert!(failed["ended_at"].as_str() >= failed["started_at"].as_str());
}

#[tokio::test]
async fn should_say_why_an_output_is_not_there() {
    let (_app, _admin, acme, mut worker) = ready().await;
    let id = started(&acme.customer, &order(3)).await;
    worker.answer_next(Answer::CompleteWith(vec![0xff])).await;
    let completed = execution_in(&acme.customer, &id, "completed").await;
    assert_eq!(completed["output"], Value::Null);
    assert_eq!(completed["status_reason"], json!("the output is not JSON"));
}

#[tokio::test]
async fn should_start_an_own_workflow_once_however_often_it_is_asked_for() {
    let (_app, _admin, acme, mut worker) = ready().await;
    let first = acme.customer.post(EXECUTIONS, &order_7()).await.data(202);
    assert_eq!(first["workflow_id"], json!("order-7"));
    let again = acme.manager.post(EXECUTIONS, &order_7()).await.data(202);
    assert_eq!((&again["id"], &again["started_by"]), (&first["id"], &json!(acme.customer.user)));
    worker.answer_next(Answer::Complete("1".to_owned())).await;
    let completed = execution_in(&acme.customer, &text(&first["id"]), "completed").await;
    assert_eq!(acme.customer.post(EXECUTIONS, &order_7()).await.data(202), completed);
    for (field, value) in
        [("workflow_type", json!("Other")), ("task_queue", json!("other")), ("input", json!(4))]
    {
        let mut other = order_7();
        other[field] = value;
        acme.customer.post(EXECUTIONS, &other).await.problem(409, "conflict");
    }
    assert_eq!(acme.customer.walk(EXECUTIONS).await, [completed]);
}

#[tokio::test]
async fn should_let_two_organizations_use_the_same_workflow_id() {
    let (app, admin, acme, mut worker) = ready().await;
    let other = Tenant::active(&app, &admin, "other").await;
    let (ours, theirs) =
        (started(&acme.customer, &order_7()).await, started(&other.customer, &order_7()).await);
    worker.answer_next(Answer::Complete("1".to_owned())).await;
    execution_in(&acme.customer, &ours, "completed").await;
    assert_eq!(
        other.customer.get(&format!("/executions/{theirs}")).await.data(200)["status"],
        json!("running")
    );
}

#[tokio::test]
async fn should_fail_an_execution_whose_workflow_id_somebody_else_uses() {
    let (app, _admin, acme, _worker) = ready().await;
    let taken = started(&acme.customer, &order_7()).await;
    // As if it had been started by another way: by nothing that is recorded here.
    let query = "update executions set temporal_workflow_id = 'order-8'";
    sqlx::query(query).execute(&mut app.database.owner().await).await.expect("an update");
    let refused = acme.customer.post(EXECUTIONS, &order_7()).await.data(202);
    assert_ne!(refused["id"], json!(taken));
    assert_eq!(refused["status"], json!("failed"));
    assert!(text(&refused["error"]["detail"]).contains("workflow id"), "{refused}");
}

#[tokio::test]
async fn should_say_what_is_wrong_with_a_start_of_an_own_workflow() {
    let (_app, _admin, acme, _worker) = ready().await;
    let table: &[(&str, Value)] = &[
        ("workflow_type", Value::Null),
        ("workflow_type", json!("")),
        ("workflow_type", json!(" Order")),
        ("workflow_type", json!("tenantry.definition.v1")),
        ("workflow_type", json!("temporal-sys-scheduler-workflow")),
        ("task_queue", Value::Null),
        ("task_queue", json!("tenantry-hosted")),
        ("task_queue", json!(" tenantry-hosted ")),
        ("task_queue", json!("temporal-sys-per-ns-tq")),
        ("task_queue", json!("/_sys/orders/1")),
        ("task_queue", json!("a\nb")),
        ("workflow_id", json!("exe_01h455vb4pex5vsknk084sn02q")),
        ("workflow_id", json!("x".repeat(256))),
        ("revision", json!(1)),
    ];
    for (field, value) in table {
        let mut body = order(3);
        body[*field] = value.clone();
        let answer = acme.customer.post(EXECUTIONS, &body).await;
        assert_eq!(answer.wrong_fields(422, "invalid"), [*field], "{body}");
    }
    let answer = acme.customer.post(EXECUTIONS, &json!({})).await;
    assert_eq!(answer.wrong_fields(422, "invalid"), ["workflow_type", "task_queue"]);
    assert_eq!(acme.customer.walk(EXECUTIONS).await, Vec::<Value>::new());
}

#[tokio::test]
async fn should_start_no_more_own_workflows_than_the_quota_allows() {
    let (_app, admin, acme, _worker) = ready().await;
    admin.put_json("/organizations/acme/quotas", &json!({"running_executions": 1})).await.data(200);
    started(&acme.customer, &order(1)).await;
    acme.customer.post(EXECUTIONS, &order(2)).await.problem(429, "quota_exceeded");
}

#[tokio::test]
async fn should_reach_only_the_task_queues_that_a_key_names() {
    let (_app, _admin, acme, _worker) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let hosted = text(&acme.customer.post("/workflows/long/executions", &json!({})).await.data(202)["id"]);
    let ours = started(&acme.customer, &order_7()).await;
    let elsewhere = json!({"workflow_type": "Order", "task_queue": "other", "workflow_id": "order-8"});
    let other = started(&acme.customer, &elsewhere).await;
    let all: Vec<&str> = Role::Manager.permissions().iter().map(Permission::as_str).collect();
    let narrow = limited(&acme.manager, &[&all[..], &["task_queue:orders"]].concat()).await;

    started(&narrow, &order(1)).await;
    narrow
        .post(EXECUTIONS, &json!({"workflow_type": "Order", "task_queue": "other"}))
        .await
        .problem(403, "forbidden");
    narrow.get(&format!("/executions/{ours}")).await.data(200);
    narrow.get(&format!("/executions/{hosted}")).await.data(200);
    let missing = "exe_01h455vb4pex5vsknk084sn02q";
    for (verb, body) in
        [("signal", json!({"name": "approve"})), ("terminate", json!({})), ("cancel", json!({}))]
    {
        let answer = narrow.post(&format!("/executions/{other}/{verb}"), &body).await;
        let nothing = narrow.post(&format!("/executions/{missing}/{verb}"), &body).await;
        nothing.problem(404, "not_found");
        assert_eq!(answer.indistinct(), nothing.indistinct(), "{verb}");
    }
    narrow.get(&format!("/executions/{other}")).await.problem(404, "not_found");
    let ids: Vec<String> = narrow.walk(EXECUTIONS).await.iter().map(|one| text(&one["id"])).collect();
    assert!(ids.contains(&ours) && ids.contains(&hosted) && !ids.contains(&other), "{ids:?}");
    // Only that the id is taken.
    let mut taken = elsewhere.clone();
    taken["task_queue"] = json!("orders");
    narrow.post(EXECUTIONS, &taken).await.problem(409, "conflict");
}

#[tokio::test]
async fn should_start_no_own_workflow_with_a_key_for_named_workflows() {
    let (_app, _admin, acme, _worker) = ready().await;
    let ours = started(&acme.customer, &order_7()).await;
    let all: Vec<&str> = Role::Customer.permissions().iter().map(Permission::as_str).collect();
    for names in [&["workflow:quote"][..], &["workflow:quote", "task_queue:orders"]] {
        let narrow = limited(&acme.customer, &[&all[..], names].concat()).await;
        narrow.post(EXECUTIONS, &order(1)).await.problem(403, "forbidden");
        narrow.get(&format!("/executions/{ours}")).await.problem(404, "not_found");
        assert_eq!(narrow.walk(EXECUTIONS).await, Vec::<Value>::new());
    }
    let denied = acme.manager.get("/audit-log?action=execution.start").await.data(200);
    assert_eq!(denied[0]["outcome"], json!("denied"));
}

#[tokio::test]
async fn should_tell_the_contents_only_to_those_who_may_read_executions() {
    let (_app, _admin, acme, mut worker) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let blind = ["executions:start", "executions:cancel", "executions:signal", "executions:terminate"];
    let blind = limited(&acme.manager, &blind).await;
    let start = json!({"execution_id": "exe_01h455vb4pex5vsknk084sn02q", "input": {"amount": 3}});
    let own = started(&acme.customer, &order_7()).await;
    let mut order_8 = order_7();
    order_8["workflow_id"] = json!("order-8");
    worker.answer_next(Answer::Wait).await;
    for (path, body) in [
        ("/workflows/long/executions".to_owned(), start.clone()),
        ("/workflows/long/executions".to_owned(), start),
        (EXECUTIONS.to_owned(), order_8.clone()),
        (EXECUTIONS.to_owned(), order_8),
        (format!("/executions/{own}/signal"), json!({"name": "approve", "input": 1})),
        (format!("/executions/{own}/cancel"), json!({})),
        (format!("/executions/{own}/terminate"), json!({"reason": "a secret one"})),
    ] {
        let answer = blind.post(&path, &body).await;
        assert_eq!(answer.status / 100, 2, "{path}: {answer:?}");
        let shown = &answer.json()["data"];
        for field in ["input", "output", "error", "status_reason"] {
            assert_eq!(shown.get(field), None, "{path}: {answer:?}");
        }
        assert!(shown["status"].is_string() && !answer.text.contains("amount"), "{path}: {answer:?}");
    }
    assert_eq!(
        acme.customer.get(&format!("/executions/{own}")).await.data(200)["input"],
        json!({"amount": 3})
    );
}

#[tokio::test]
async fn should_let_nobody_guess_what_an_execution_was_started_with_who_may_not_read_it() {
    let (_app, _admin, acme, _worker) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let id = "exe_01h455vb4pex5vsknk084sn02q";
    let hosted = json!({"execution_id": id, "input": {"amount": 3}});
    acme.customer.post("/workflows/long/executions", &hosted).await.data(202);
    started(&acme.customer, &order_7()).await;
    let others = limited(&acme.manager, &["executions:start"]).await;
    let of_the_same_user = limited(&acme.customer, &["executions:start"]).await;
    for (path, right, field, another_id) in [
        ("/workflows/long/executions", hosted, "execution_id", "exe_01h455vb4pex5vsknk084sn03q"),
        (EXECUTIONS, order_7(), "workflow_id", "order-8"),
    ] {
        let mut wrong = right.clone();
        wrong["input"] = json!({"amount": 4});
        for key in [&others, &of_the_same_user] {
            let answers = [key.post(path, &right).await, key.post(path, &wrong).await];
            answers[0].problem(409, "conflict");
            assert_eq!(answers[0].indistinct(), answers[1].indistinct());
        }
        acme.customer.post(path, &right).await.data(202);
        // What a key has started, it may ask for again.
        let mut another = right;
        another[field] = json!(another_id);
        let first = others.post(path, &another).await.data(202);
        assert_eq!(others.post(path, &another).await.data(202)["id"], first["id"]);
    }
}

#[tokio::test]
async fn should_answer_what_was_asked_before_though_there_may_be_no_more() {
    let (_app, admin, acme, _worker) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let long = "/workflows/long/executions";
    let hosted = json!({"execution_id": "exe_01h455vb4pex5vsknk084sn02q", "input": {"amount": 3}});
    let first = acme.customer.post(long, &hosted).await.data(202);
    let own = started(&acme.customer, &order_7()).await;
    admin.put_json("/organizations/acme/quotas", &json!({"running_executions": 2})).await.data(200);
    assert_eq!(acme.customer.post(long, &hosted).await.data(202)["id"], first["id"]);
    assert_eq!(acme.customer.post(EXECUTIONS, &order_7()).await.data(202)["id"], json!(own));
    for (path, mut other) in [(long, hosted), (EXECUTIONS, order_7())] {
        other["input"] = json!({"amount": 4});
        acme.customer.post(path, &other).await.problem(409, "conflict");
    }
    acme.customer.post(long, &json!({})).await.problem(429, "quota_exceeded");
    acme.customer.post(EXECUTIONS, &order(1)).await.problem(429, "quota_exceeded");
}

#[tokio::test]
async fn should_signal_an_execution() {
    let (_app, _admin, acme, mut worker) = ready().await;
    let id = started(&acme.customer, &order(3)).await;
    worker.answer_next(Answer::Wait).await;
    let signal = format!("/executions/{id}/signal");
    acme.customer.post(&signal, &json!({"name": "approve", "input": {"by": "Ada"}})).await.data(202);
    let task = worker.task().await;
    assert_eq!(task.signals(), [("approve".to_owned(), vec![r#"{"by":"Ada"}"#.to_owned()])]);
    worker.answer(task, Answer::Wait).await;
    acme.customer.post(&signal, &json!({"name": "plain"})).await.data(202);
    let task = worker.task().await;
    assert_eq!(task.signals()[1], ("plain".to_owned(), vec![]));
    worker.answer(task, Answer::Complete("1".to_owned())).await;

    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"name": "__temporal_x"}), "name"),
        (json!({"name": "a", "args": 1}), "args"),
    ] {
        assert_eq!(acme.customer.post(&signal, &body).await.wrong_fields(422, "invalid"), [field]);
    }
    // Nobody has looked for its end yet.
    let late = acme.customer.post(&signal, &json!({"name": "late"})).await.problem(409, "conflict");
    assert_eq!(late["detail"], json!("the execution has ended: it is completed"));
    let log: Vec<_> = log(&acme.manager, &id).await.into_iter().skip(1).collect();
    let entry = |outcome: &str, name: &str| {
        ("execution.signal".to_owned(), outcome.to_owned(), json!({"name": name}))
    };
    let expected =
        [entry("ok", "approve"), entry("ok", "plain"), entry("ok", "late"), entry("failed", "late")];
    assert_eq!(log, expected, "without what came with them");
    acme.customer.post(&signal, &json!({"name": "late"})).await.problem(409, "conflict");
}

#[tokio::test]
async fn should_not_disturb_a_definition_with_a_signal() {
    let (_app, _admin, acme, _worker) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let id = text(&acme.customer.post("/workflows/long/executions", &json!({})).await.data(202)["id"]);
    let signal = format!("/executions/{id}/signal");
    acme.customer.post(&signal, &json!({"name": "approve", "input": {"by": "Ada"}})).await.data(202);
    acme.customer.post(&format!("/executions/{id}/cancel"), &json!({})).await.data(202);
    execution_in(&acme.customer, &id, "canceled").await;
}

#[tokio::test]
async fn should_terminate_at_once() {
    let (_app, _admin, acme, _worker) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let hosted = text(&acme.customer.post("/workflows/long/executions", &json!({})).await.data(202)["id"]);
    let own = started(&acme.customer, &order(3)).await;
    for id in [hosted, own] {
        let terminate = format!("/executions/{id}/terminate");
        acme.customer.post(&terminate, &json!({})).await.problem(403, "forbidden");
        let long = json!({"reason": "x".repeat(501)});
        assert_eq!(acme.manager.post(&terminate, &long).await.wrong_fields(422, "invalid"), ["reason"]);
        let terminated = acme.manager.post(&terminate, &json!({"reason": "a wrong order"})).await.data(200);
        assert_eq!(
            (&terminated["status"], &terminated["status_reason"]),
            (&json!("terminated"), &json!("a wrong order"))
        );
        assert!(terminated["ended_at"].is_string());
        assert_eq!(acme.customer.get(&format!("/executions/{id}")).await.data(200), terminated);
        acme.manager.post(&terminate, &json!({})).await.problem(409, "conflict");
        acme.customer
            .post(&format!("/executions/{id}/signal"), &json!({"name": "a"}))
            .await
            .problem(409, "conflict");
        acme.customer.post(&format!("/executions/{id}/cancel"), &json!({})).await.problem(409, "conflict");
        let (action, outcome, changes) = log(&acme.manager, &id).await.remove(1);
        assert_eq!((action.as_str(), outcome.as_str()), ("execution.terminate", "ok"));
        assert_eq!(changes, json!({"reason": "a wrong order"}));
    }
}

#[tokio::test]
async fn should_cancel_an_own_workflow_when_its_worker_agrees() {
    let (_app, _admin, acme, mut worker) = ready().await;
    let id = started(&acme.customer, &order_7()).await;
    worker.answer_next(Answer::Wait).await;
    let canceled = acme.customer.post(&format!("/executions/{id}/cancel"), &json!({})).await.data(202);
    assert_eq!(canceled["status"], json!("running"));
    let task = worker.task().await;
    assert!(task.is_to_cancel());
    worker.answer(task, Answer::Cancel).await;
    listed_in(&acme.customer, &id, "canceled").await;
}

#[tokio::test]
async fn should_find_what_was_ended_in_temporal_directly() {
    let (app, _admin, acme, mut worker) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let hosted = text(&acme.customer.post("/workflows/long/executions", &json!({})).await.data(202)["id"]);
    // A first look may have been made just now; the next one is a minute later.
    worker.terminate(&hosted).await;
    app.clock.advance(Duration::from_mins(1));
    let terminated = listed_in(&acme.customer, &hosted, "terminated").await;
    assert_eq!(terminated["status_reason"], json!("by hand"));

    let deleted = started(&acme.customer, &order(3)).await;
    worker.delete(&deleted).await;
    app.clock.advance(Duration::from_mins(11));
    let gone = listed_in(&acme.customer, &deleted, "terminated").await;
    assert!(text(&gone["status_reason"]).starts_with("Temporal does not have it any more"), "{gone}");
}

#[tokio::test]
async fn should_do_to_executions_only_what_temporal_has_heard() {
    let mut temporal = Link::to(&Servers::get().temporal_address);
    temporal.open();
    let app = App::start_with(&temporal.address(), Database::migrated().await).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    let mut worker = acme.own_worker("orders").await;
    let running = started(&acme.customer, &order(1)).await;
    worker.answer_next(Answer::Wait).await;

    temporal.cut().await;
    let pending = acme.customer.post(EXECUTIONS, &order_7()).await.data(202);
    assert_eq!(pending["status"], json!("pending"));
    let pending = text(&pending["id"]);
    for id in [&running, &pending] {
        for (verb, body) in [("signal", json!({"name": "approve"})), ("terminate", json!({}))] {
            let answer = acme.manager.post(&format!("/executions/{id}/{verb}"), &body).await;
            answer.problem(503, "unavailable");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
    }
    let shown = acme.customer.get(&format!("/executions/{running}")).await.data(200);
    assert_eq!(shown["status"], json!("running"), "as recorded");
    assert_eq!(acme.customer.post(EXECUTIONS, &order_7()).await.data(202)["id"], json!(pending));

    temporal.open();
    app.clock.advance(Duration::from_secs(11));
    listed_in(&acme.customer, &pending, "running").await;
    acme.manager.post(&format!("/executions/{running}/terminate"), &json!({})).await.data(200);
    let task = worker.task().await;
    assert_eq!(task.execution().0, "order-7");
    worker.answer(task, Answer::Complete("1".to_owned())).await;
    execution_in(&acme.customer, &pending, "completed").await;
    assert_eq!(acme.customer.walk(EXECUTIONS).await.len(), 2, "nothing was started twice");
}

#[tokio::test]
async fn should_take_up_a_start_whose_node_died_before_it_could_say_so() {
    let (app, _admin, acme, mut worker) = ready().await;
    let id = started(&acme.customer, &order_7()).await;
    worker.answer_next(Answer::ContinueAsNew).await;
    worker.answer_next(Answer::Complete("1".to_owned())).await;
    let query =
        "update executions set status = 'pending', run_id = null, first_run_id = null, checked_at = null,
                     ended_at = null, output = null";
    sqlx::query(query).execute(&mut app.database.owner().await).await.expect("an update");
    app.clock.advance(Duration::from_secs(11));
    assert_eq!(listed_in(&acme.customer, &id, "completed").await["output"], json!(1));
}
