//! `/workflows`: definitions.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use tenantry_test_support::App;

use crate::{
    caller::{Caller, text},
    tenant::{QUOTE, Tenant},
    text::steady,
};

/// [`QUOTE`] under another name.
fn named(name: &str) -> String {
    QUOTE.replace("quote", name)
}

/// The same definition in JSON, its members in another order.
fn quote_in_json() -> String {
    json!({
        "do": [{"price": {"set": {"total": "${ .amount * 2 }"}}}],
        "document": {"version": "1.0.0", "name": "quote", "namespace": "test", "dsl": "1.0.3"},
    })
    .to_string()
}

#[tokio::test]
async fn should_make_a_revision_of_each_upload_that_changes_something() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let created = acme.manager.put("/workflows/quote", QUOTE).await;
    let first = created.data(201);
    assert_json_snapshot!(steady(first.clone()));
    assert_eq!(created.header("location"), Some("/api/v0/workflows/quote"));
    assert_eq!(first["created_by"], json!(acme.manager.user));

    let again = acme.manager.put("/workflows/quote", QUOTE).await;
    assert_eq!((again.data(200), again.header("location")), (first.clone(), None));
    let json = quote_in_json();
    let body = Some(("application/json", json.as_str()));
    let in_json = acme.manager.send(Method::PUT, "/api/v0/workflows/quote", body).await;
    assert_eq!(in_json.data(200), first, "how it is written does not count");

    let second = acme.manager.put("/workflows/quote", &QUOTE.replace("* 2", "* 3")).await.data(201);
    assert_eq!(second["revision"], json!(2));
    assert_ne!(second["digest"], first["digest"]);
    assert_eq!(acme.customer.get("/workflows/quote").await.data(200), second);
    let third = acme.manager.put("/workflows/quote", QUOTE).await.data(201);
    assert_eq!(
        (&third["revision"], &third["digest"]),
        (&json!(3), &first["digest"]),
        "an old one is a change"
    );
}

#[tokio::test]
async fn should_list_the_latest_revisions_newest_first() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    for name in ["one", "two", "three", "four"] {
        acme.manager.put(&format!("/workflows/{name}"), &named(name)).await.data(201);
    }
    acme.manager.put("/workflows/two", &named("two").replace("* 2", "* 3")).await.data(201);
    let listed = acme.customer.walk("/workflows").await;
    let seen: Vec<_> =
        listed.iter().map(|found| (text(&found["name"]), found["revision"].as_i64())).collect();
    let expected = [("four", 1), ("three", 1), ("two", 2), ("one", 1)];
    assert_eq!(seen, expected.map(|(name, revision)| (name.to_owned(), Some(revision))));
}

#[tokio::test]
async fn should_leave_large_definitions_out_of_a_list() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let summary = format!("version: '1.0.0', summary: {}", "x".repeat(16_384));
    let large = named("large").replace("version: '1.0.0'", &summary);
    acme.manager.put("/workflows/large", &large).await.data(201);
    acme.manager.put("/workflows/quote", QUOTE).await.data(201);
    let listed = acme.customer.walk("/workflows").await;
    let seen: Vec<_> = listed.iter().map(|found| found["definition"].is_null()).collect();
    assert_eq!(seen, [false, true]);
    let whole = acme.customer.get("/workflows/large").await.data(200);
    assert_eq!(whole["definition"]["document"]["summary"].as_str().map(str::len), Some(16_384));
}

#[tokio::test]
async fn should_refuse_a_definition_of_another_name() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let answer = acme.manager.put("/workflows/price", QUOTE).await;
    assert_eq!(answer.wrong_fields(422, "invalid"), ["document.name"]);
    let answer = acme.manager.put("/workflows/Not%20a%20Name", QUOTE).await;
    assert_eq!(answer.wrong_fields(422, "invalid"), ["name"]);
    acme.customer.get("/workflows/price").await.problem(404, "not_found");
}

const UNSUPPORTED: &str = "\
document: {dsl: '1.0.3', namespace: test, name: quote, version: '1.0.0'}
do:
  - ask: {run: {shell: {command: id}}}
  - wait: {wait: soon}
";

#[tokio::test]
async fn should_name_the_place_of_each_thing_wrong_with_a_definition() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let caller = acme.manager.with("x-request-id", "one");
    let problem = caller.put("/workflows/quote", UNSUPPORTED).await.problem(422, "invalid");
    assert_json_snapshot!(problem);
    acme.customer.get("/workflows/quote").await.problem(404, "not_found");

    let body = Some(("application/yaml", UNSUPPORTED));
    let validated = acme.customer.send(Method::POST, "/api/v0/workflows/validate", body).await.data(200);
    let without_field = |problem: &Value| {
        let mut problem = problem.clone();
        problem.as_object_mut().expect("a problem").shift_remove("field");
        problem
    };
    let refused: Vec<Value> =
        problem["errors"].as_array().expect("a list").iter().map(without_field).collect();
    assert_eq!(validated, json!(refused), "validation says the same");
}

#[tokio::test]
async fn should_validate_without_keeping_anything() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let validate = |body: &'static str| {
        let customer = acme.customer.clone();
        async move {
            let body = Some(("application/yaml", body));
            customer.send(Method::POST, "/api/v0/workflows/validate", body).await.data(200)
        }
    };
    assert_eq!(validate(QUOTE).await, json!([]));
    assert_eq!(validate("a: b: c").await[0]["code"], json!("malformed"));
    assert_eq!(acme.customer.get("/workflows").await.data(200), json!([]));
}

#[tokio::test]
async fn should_name_the_place_where_a_definition_cannot_be_read() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    for (body, line) in [("document:\n  a: [1\n", 3), ("{\"document\": {},\n \"do\": ]}", 2), ("a: '", 1)] {
        let problem = acme.manager.put("/workflows/quote", body).await.problem(400, "malformed");
        let error = &problem["errors"][0];
        assert_eq!(error["line"], json!(line), "{problem}");
        assert!(error["column"].as_u64().is_some_and(|column| column > 0), "{problem}");
    }
    let binary = Some(("application/yaml", b"\xff\xfe".as_slice()));
    acme.manager.send_bytes(Method::PUT, "/api/v0/workflows/quote", binary).await.problem(400, "malformed");
}

/// A definition whose expressions take long to check.
fn costly() -> String {
    let step = |number| {
        let sum = vec!["(.a | map(. + 1) | add)"; 20].join(" + ");
        json!({ format!("step{number}"): { "set": { "sum": format!("${{ {sum} }}") } } })
    };
    let mut definition: Value = serde_json::from_str(&quote_in_json()).expect("JSON");
    definition["do"] = (0..300).map(step).collect();
    definition.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn should_check_a_definition_while_another_organization_has_many_checked() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let (acme, globex) = (Tenant::new(&admin, "acme").await, Tenant::new(&admin, "globex").await);
    let (costly, checked) = (Arc::new(costly()), Arc::new(AtomicUsize::new(0)));
    let all = 8;
    let many = (0..all).map(|_| {
        let (caller, costly, checked) = (acme.customer.clone(), Arc::clone(&costly), Arc::clone(&checked));
        tokio::spawn(async move {
            let body = Some(("application/json", costly.as_str()));
            caller.send(Method::POST, "/api/v0/workflows/validate", body).await.data(200);
            checked.fetch_add(1, Ordering::SeqCst);
        })
    });
    let many: Vec<_> = many.collect();
    // All of them have arrived when the first is done.
    while checked.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let body = Some(("application/yaml", QUOTE));
    globex.customer.send(Method::POST, "/api/v0/workflows/validate", body).await.data(200);
    let before = checked.load(Ordering::SeqCst);
    assert!(before <= all / 2, "it waited for {before} of {all}");
    for one in many {
        one.await.expect("an answer");
    }
}
