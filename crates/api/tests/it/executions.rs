//! `/executions`, and `/workflows/{workflow}/executions`.

use futures::future::join_all;
use insta::assert_json_snapshot;
use serde_json::{Value, json};
use tenantry_test_support::{App, Database, Link, Servers};

use crate::{
    caller::{Caller, text},
    tenant::{QUOTE, Tenant, execution_in},
    text::steady,
};

const START: &str = "/workflows/quote/executions";

/// A running Tenantry with an organization that has [`QUOTE`].
async fn ready() -> (App, Tenant) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    (app, acme)
}

#[tokio::test]
async fn should_start_a_workflow_and_tell_its_output() {
    let (_app, acme) = ready().await;
    let started = acme.customer.post(START, &json!({"input": {"amount": 3}})).await;
    let id = text(&started.data(202)["id"]);
    assert_eq!(started.header("location"), Some(format!("/api/v0/executions/{id}").as_str()));
    let completed = execution_in(&acme.customer, &id, "completed").await;
    assert_json_snapshot!(steady(completed.clone()));
    assert_eq!(completed["workflow_id"], json!(id));
    assert_eq!(completed["started_by"], json!(acme.customer.user));
    assert!(completed["ended_at"].as_str() >= completed["started_at"].as_str());
}

#[tokio::test]
async fn should_tell_the_error_of_an_execution_that_failed() {
    let (_app, acme) = ready().await;
    let started = acme.customer.post(START, &json!({"input": {"amount": {"a": 1}}})).await;
    let id = text(&started.data(202)["id"]);
    assert_json_snapshot!(steady(execution_in(&acme.customer, &id, "failed").await));
}

#[tokio::test]
async fn should_run_the_revision_it_was_started_with() {
    let (_app, acme) = ready().await;
    acme.manager.put("/workflows/quote", &QUOTE.replace("* 2", "* 10")).await.data(201);
    for (revision, total) in [(json!(1), 6), (json!(2), 30), (Value::Null, 30)] {
        let body = json!({"input": {"amount": 3}, "revision": revision});
        let id = text(&acme.customer.post(START, &body).await.data(202)["id"]);
        let completed = execution_in(&acme.customer, &id, "completed").await;
        assert_eq!(completed["output"], json!({"total": total}));
        assert_eq!(completed["revision"], if revision.is_null() { json!(2) } else { revision });
    }
    acme.customer.post(START, &json!({"revision": 3})).await.problem(404, "not_found");
}

#[tokio::test]
async fn should_start_once_however_often_the_same_id_is_asked_for() {
    let (_app, acme) = ready().await;
    acme.manager.put("/workflows/other", &QUOTE.replace("quote", "other")).await.data(201);
    let id = "exe_01h455vb4pex5vsknk084sn02q";
    let body = json!({"execution_id": id, "input": {"amount": 3}, "revision": 1});
    let first = acme.customer.post(START, &body).await.data(202);
    assert_eq!(first["id"], json!(id));
    let again = acme.manager.post(START, &body).await.data(202);
    assert_eq!((&again["started_at"], &again["started_by"]), (&first["started_at"], &first["started_by"]));
    let completed = execution_in(&acme.customer, id, "completed").await;
    let latest = json!({"execution_id": id, "input": {"amount": 3}});
    assert_eq!(
        acme.customer.post(START, &latest).await.data(202),
        completed,
        "an end is the same answer too"
    );

    let conflict = json!({"execution_id": id, "input": {"amount": 4}});
    acme.customer.post(START, &conflict).await.problem(409, "conflict");
    acme.customer.post("/workflows/other/executions", &latest).await.problem(409, "conflict");
    acme.manager.put("/workflows/quote", &QUOTE.replace("* 2", "* 4")).await.data(201);
    let revision = json!({"execution_id": id, "input": {"amount": 3}, "revision": 2});
    acme.customer.post(START, &revision).await.problem(409, "conflict");
    assert_eq!(acme.customer.walk("/executions").await, [completed]);
}

#[tokio::test]
async fn should_start_with_any_json_for_input() {
    let (_app, acme) = ready().await;
    for (body, input) in [
        (json!({}), json!({})),
        (json!({"input": [1, null, "two"]}), json!([1, null, "two"])),
        (
            json!({"input": {"b": 1, "a": {"c": "\u{0}\u{1F980}"}}}),
            json!({"b": 1, "a": {"c": "\u{0}\u{1F980}"}}),
        ),
        (json!({"input": "text"}), json!("text")),
        (json!({"input": 1.5e300}), json!(1.5e300)),
    ] {
        let started = acme.customer.post(START, &body).await.data(202);
        assert_eq!(started["input"].to_string(), input.to_string());
    }
}

#[tokio::test]
async fn should_say_what_is_wrong_with_a_start() {
    let (_app, acme) = ready().await;
    let table: &[(Value, &[&str])] = &[
        (json!({"execution_id": "mine"}), &["execution_id"]),
        (json!({"execution_id": "usr_01h455vb4pex5vsknk084sn02q"}), &["execution_id"]),
        (json!({"revision": "one"}), &["revision"]),
        (json!({"revision": 5_000_000_000_u64}), &["revision"]),
        (json!({"inputs": {}}), &["inputs"]),
    ];
    for (body, fields) in table {
        assert_eq!(acme.customer.post(START, body).await.wrong_fields(422, "invalid"), *fields, "{body}");
    }
    acme.customer.post("/workflows/nothing/executions", &json!({})).await.problem(404, "not_found");
    acme.customer.post("/workflows/Not%20one/executions", &json!({})).await.problem(404, "not_found");
    assert_eq!(acme.customer.walk("/executions").await, Vec::<Value>::new());
}

#[tokio::test]
async fn should_list_what_the_filters_let_through_newest_first() {
    let (app, acme) = ready().await;
    acme.manager.put("/workflows/other", &QUOTE.replace("quote", "other")).await.data(201);
    let mut ids = Vec::new();
    for name in ["quote", "other", "quote"] {
        let path = format!("/workflows/{name}/executions");
        let started = acme.customer.post(&path, &json!({"input": {"amount": 1}})).await.data(202);
        ids.insert(0, text(&started["id"]));
        app.clock.advance(std::time::Duration::from_secs(2));
    }
    for id in &ids {
        execution_in(&acme.customer, id, "completed").await;
    }
    let walked: Vec<String> =
        acme.customer.walk("/executions").await.iter().map(|one| text(&one["id"])).collect();
    assert_eq!(walked, ids);

    let at = |index: usize| {
        let (customer, id) = (acme.customer.clone(), ids[index].clone());
        async move { text(&customer.get(&format!("/executions/{id}")).await.data(200)["started_at"]) }
    };
    let second = at(1).await;
    for (query, expected) in [
        ("workflow=quote".to_owned(), vec![0, 2]),
        ("workflow=nothing".to_owned(), vec![]),
        ("status=completed".to_owned(), vec![0, 1, 2]),
        ("status=running".to_owned(), vec![]),
        (format!("started_after={second}"), vec![0, 1]),
        (format!("started_before={second}"), vec![2]),
        (format!("started_after={second}&workflow=quote&status=completed"), vec![0]),
        (format!("cursor={}", ids[0]), vec![1, 2]),
        (format!("cursor={}&limit=1", ids[0]), vec![1]),
    ] {
        let found = acme.customer.get(&format!("/executions?{query}")).await.data(200);
        let found: Vec<String> =
            found.as_array().expect("a list").iter().map(|one| text(&one["id"])).collect();
        let expected: Vec<&String> = expected.iter().map(|&index: &usize| &ids[index]).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn should_not_start_in_an_organization_that_is_not_ready() {
    let temporal = Link::to(&Servers::get().temporal_address);
    let app = App::start_with(&temporal.address(), Database::migrated().await).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await.with_quote().await;
    let problem = acme.customer.post(START, &json!({})).await.problem(409, "organization_not_ready");
    assert_eq!(problem["detail"], json!("the organization is provisioning"));
    assert_eq!(acme.customer.walk("/executions").await, Vec::<Value>::new(), "nothing is left behind");
}

#[tokio::test]
async fn should_not_start_in_an_organization_that_is_suspended() {
    let (app, acme) = ready().await;
    let query = "update organizations set status = 'suspended' where slug = 'acme'";
    sqlx::query(query).execute(&mut app.database.owner().await).await.expect("an update");
    acme.customer.post(START, &json!({})).await.problem(403, "organization_suspended");
}

#[tokio::test]
async fn should_answer_many_repeats_at_once_and_everybody_else_meanwhile() {
    let (_app, acme) = ready().await;
    let body = json!({"execution_id": acme.start().await, "input": {"amount": 3}});
    let repeats = join_all((0..40).map(|_| acme.customer.post(START, &body)));
    let (repeats, other) = tokio::join!(repeats, acme.manager.get("/workflows"));
    for repeat in repeats {
        assert_eq!(repeat.data(202)["id"], body["execution_id"]);
    }
    other.data(200);
}

#[tokio::test]
async fn should_refuse_an_input_that_no_definition_could_take() {
    let (_app, acme) = ready().await;
    let deep = format!("{{\"input\": {}{}}}", "[".repeat(110), "]".repeat(110));
    let refused = acme.customer.post_text(START, &deep).await;
    assert_eq!(refused.wrong_fields(422, "invalid"), ["input"]);
}
