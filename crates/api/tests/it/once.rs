//! `Idempotency-Key`: what is asked twice is done once.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tenantry_test_support::App;
use tokio::time::{sleep, timeout};

use crate::{
    caller::{Answer, Caller, text},
    tenant::Tenant,
};

const KEY: &str = "idempotency-key";
const REPLAYED: &str = "idempotency-replayed";

async fn acme(app: &App) -> (Caller, Tenant) {
    let admin = Caller::admin(app).await;
    let tenant = Tenant::active(app, &admin, "acme").await.with_quote().await;
    (admin, tenant)
}

fn ada() -> Value {
    json!({"email": "ada@example.com", "name": "Ada", "role": "customer"})
}

fn is_replay(answer: &Answer) -> bool {
    answer.header(REPLAYED) == Some("true")
}

#[tokio::test]
async fn should_answer_a_repeated_request_as_the_first_and_do_it_once() {
    let app = App::start().await;
    let (_, acme) = acme(&app).await;
    let manager = acme.manager.with(KEY, "add Ada");
    let first = manager.post("/organizations/acme/users", &ada()).await;
    let created = first.data(201);
    assert!(!is_replay(&first));
    let again = manager.post("/organizations/acme/users", &ada()).await;
    assert_eq!((again.data(201), again.header("location")), (created.clone(), first.header("location")));
    assert!(is_replay(&again));
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));

    let path = format!("/users/{}", text(&created["id"]));
    let removing = acme.manager.with(KEY, "remove Ada");
    for replay in [false, true] {
        let removed = removing.delete(&path).await;
        assert_eq!((removed.status, is_replay(&removed)), (204, replay), "{removed:?}");
    }
    // Without a key, or by another, it is another request.
    acme.manager.delete(&path).await.problem(404, "not_found");
    acme.manager.with(KEY, "add Ada again").post("/organizations/acme/users", &ada()).await.data(201);
}

#[tokio::test]
async fn should_not_tell_what_was_done_to_whoever_may_do_it_no_more() {
    let app = App::start().await;
    let (admin, acme) = acme(&app).await;
    let (manager, path) =
        (acme.manager.with(KEY, "a key"), format!("/users/{}/api-keys", acme.customer.user));
    let (customer, start) = (acme.customer.with(KEY, "a start"), "/workflows/quote/executions");
    manager.post(&path, &json!({"name": "ci"})).await.data(201);
    customer.post(start, &json!({"input": {"amount": 3}})).await.data(202);
    let key = format!("/api-keys/{}", acme.customer.api_key);
    admin.patch(&key, &json!({"scopes": ["workflows:read"]})).await.data(200);
    customer.post(start, &json!({"input": {"amount": 3}})).await.problem(409, "conflict");
    let other = json!({"email": "other@example.com", "name": "Other", "role": "manager"});
    admin.post("/organizations/acme/users", &other).await.data(201);
    let user = format!("/users/{}", acme.manager.user);
    admin.patch(&user, &json!({"role": "customer"})).await.data(200);
    manager.post(&path, &json!({"name": "ci"})).await.problem(409, "conflict");
}

#[tokio::test]
async fn should_show_a_secret_again_to_whoever_repeats_the_request_and_keep_it_from_the_database() {
    let app = App::start().await;
    let (_, acme) = acme(&app).await;
    let (manager, path) = (acme.manager.with(KEY, "a key"), format!("/users/{}/api-keys", acme.manager.user));
    let shown = manager.post(&path, &json!({"name": "ci"})).await.data(201);
    assert_eq!(manager.post(&path, &json!({"name": "ci"})).await.data(201), shown);
    let kept = "select count(*) from idempotency_keys where answer is not null
         and (position($1::bytea in answer) > 0 or position('secret'::bytea in answer) > 0)";
    let mut owner = app.database.owner().await;
    let secret = text(&shown["secret"]);
    let readable: i64 =
        sqlx::query_scalar(kept).bind(secret.as_bytes()).fetch_one(&mut owner).await.expect("a count");
    assert_eq!(readable, 0);

    acme.manager.delete(&format!("/api-keys/{}", acme.manager.api_key)).await;
    manager.post(&path, &json!({"name": "ci"})).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn should_refuse_another_request_of_the_same_key() {
    let app = App::start().await;
    let (admin, acme) = acme(&app).await;
    let manager = acme.manager.with(KEY, "one");
    manager.post("/organizations/acme/users", &ada()).await.data(201);
    let other = json!({"email": "bob@example.com", "name": "Bob", "role": "customer"});
    manager.post("/organizations/acme/users", &other).await.problem(409, "conflict");
    manager.patch("/organizations/acme", &ada()).await.problem(409, "conflict");

    let (admin, body) = (admin.with(KEY, "one"), json!({"input": {"amount": 1}}));
    admin.inside("acme").post("/workflows/quote/executions", &body).await.data(202);
    let elsewhere = admin.inside("system").post("/workflows/quote/executions", &body).await;
    elsewhere.problem(409, "conflict");
    let both = admin.inside("acme").inside("system").post("/workflows/quote/executions", &body).await;
    both.problem(409, "conflict");
}

#[tokio::test]
async fn should_let_each_api_key_call_its_requests_as_it_likes() {
    let app = App::start().await;
    let (_, acme) = acme(&app).await;
    let body = json!({"input": {"amount": 1}});
    let mut started = Vec::new();
    for caller in [&acme.manager, &acme.customer] {
        let answer = caller.with(KEY, "one").post("/workflows/quote/executions", &body).await;
        started.push(text(&answer.data(202)["id"]));
    }
    assert_ne!(started[0], started[1]);
}

#[tokio::test]
async fn should_try_again_what_failed() {
    let app = App::start().await;
    let (_, acme) = acme(&app).await;
    let manager = acme.manager.with(KEY, "add Ada");
    let wrong = json!({"email": "ada", "name": "Ada", "role": "customer"});
    manager.post("/organizations/acme/users", &wrong).await.problem(422, "invalid");
    manager.post("/organizations/acme/users", &ada()).await.data(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_do_once_what_is_asked_many_times_at_once() {
    let app = App::start().await;
    let (_, acme) = acme(&app).await;
    let customer = acme.customer.with(KEY, "at once");
    let body = json!({"input": {"amount": 1}});
    let answers = join_all((0..12).map(|_| customer.post("/workflows/quote/executions", &body))).await;
    let (done, in_hand): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    assert!(!done.is_empty());
    for answer in in_hand {
        answer.problem(409, "conflict");
    }
    let again = customer.post("/workflows/quote/executions", &body).await;
    assert!(is_replay(&again) && done.iter().all(|answer| answer.data(202)["id"] == again.data(202)["id"]));
    assert_eq!(acme.customer.get("/executions").await.data(200).as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn should_not_be_left_in_hand_by_whoever_went_away() {
    let app = App::start().await;
    let (_, acme) = acme(&app).await;
    for patience in 1..=80 {
        let manager = acme.manager.with(KEY, &format!("add {patience}"));
        let robot = json!({"kind": "service", "name": format!("Robot {patience}"), "role": "worker"});
        let add = || manager.post("/organizations/acme/users", &robot);
        let _ = timeout(Duration::from_micros(patience * 125), add()).await;
        let again = async {
            loop {
                let answer = add().await;
                if answer.status == 201 {
                    return;
                }
                answer.problem(409, "conflict");
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(20), again)
            .await
            .expect("it is done soon, by the first or by the second");
    }
    let all = acme.manager.get("/organizations/acme/users?limit=100").await;
    let robots = |user: &&Value| text(&user["name"]).starts_with("Robot ");
    assert_eq!(all.data(200).as_array().map(|users| users.iter().filter(robots).count()), Some(80));
}

#[tokio::test]
async fn should_start_nothing_twice_though_the_first_node_died_before_it_answered() {
    let app = App::start().await;
    let (_, acme) = acme(&app).await;
    let mut owner = app.database.owner().await;
    let body = json!({"input": {"amount": 1}});
    let own = json!({"workflow_type": "Order", "task_queue": "orders", "input": {}});
    for (path, body) in [("/workflows/quote/executions", &body), ("/executions", &own)] {
        let manager = acme.manager.with(KEY, path);
        let first = text(&manager.post(path, body).await.data(202)["id"]);
        let died = "update idempotency_keys set answer = null";
        sqlx::query(died).execute(&mut owner).await.expect("an update");
        manager.post(path, body).await.problem(409, "conflict");
        let later = "update idempotency_keys set claimed_at = claimed_at - interval '61 seconds'";
        sqlx::query(later).execute(&mut owner).await.expect("an update");
        let again = manager.post(path, body).await;
        assert_eq!((text(&again.data(202)["id"]), is_replay(&again)), (first, false));
    }
    assert_eq!(acme.manager.get("/executions").await.data(200).as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn should_forget_a_request_after_a_day() {
    let app = App::start().await;
    let (_, acme) = acme(&app).await;
    let customer = acme.customer.with(KEY, "daily");
    let body = json!({"input": {"amount": 1}});
    let first = customer.post("/workflows/quote/executions", &body).await.data(202);
    let later = "update idempotency_keys set claimed_at = claimed_at - interval '24 hours'";
    sqlx::query(later).execute(&mut app.database.owner().await).await.expect("an update");
    let second = customer.post("/workflows/quote/executions", &body).await.data(202);
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test]
async fn should_name_the_header_when_it_is_wrong() {
    let app = App::start().await;
    let (_, acme) = acme(&app).await;
    let customer = &acme.customer;
    let long = "x".repeat(256);
    let twice = customer.with(KEY, "a").with(KEY, "b");
    let once = ["", "a\tb", &long].map(|wrong| customer.with(KEY, wrong));
    for wrong in once.iter().chain([&twice]) {
        let answer = wrong.post("/workflows/quote/executions", &json!({})).await;
        assert_eq!(answer.wrong_fields(422, "invalid"), ["Idempotency-Key"]);
    }
    // Who only reads may say it, and it means nothing.
    customer.with(KEY, "").get("/me").await.data(200);
    let anonymous = Caller::anonymous(&app).with(KEY, "a");
    anonymous.send(Method::POST, "/api/v0/executions", None).await.problem(401, "unauthenticated");
}
