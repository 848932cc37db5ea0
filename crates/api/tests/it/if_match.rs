//! `ETag` and `If-Match`: of two who edit the same, the second does not undo what they have not seen.

use serde_json::json;
use tenantry_test_support::App;

use crate::{
    caller::{Answer, Caller, text},
    tenant::{QUOTE, Tenant},
};

fn tag(answer: &Answer) -> String {
    answer.header("etag").unwrap_or_else(|| panic!("no tag: {answer:?}")).to_owned()
}

#[tokio::test]
async fn should_change_only_what_is_as_the_sender_has_seen_it() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    let edited = [
        ("/organizations/acme".to_owned(), json!({"name": "First"}), json!({"name": "Second"})),
        (format!("/users/{}", acme.customer.user), json!({"name": "First"}), json!({"name": "Second"})),
        (format!("/api-keys/{}", acme.customer.api_key), json!({"name": "First"}), json!({"name": "Second"})),
    ];
    for (path, first, second) in &edited {
        let seen = tag(&acme.manager.get(path).await);
        let changed = acme.manager.with("if-match", &seen).patch(path, first).await;
        assert_eq!(changed.data(200)["name"], first["name"]);
        acme.manager.with("if-match", &seen).patch(path, second).await.problem(412, "precondition_failed");
        assert_eq!(acme.manager.get(path).await.data(200)["name"], first["name"], "nothing is lost");
        let again = tag(&acme.manager.get(path).await);
        assert_eq!(again, tag(&changed));
        acme.manager.with("if-match", &again).patch(path, second).await.data(200);
    }
}

#[tokio::test]
async fn should_set_quotas_and_upload_definitions_only_over_what_the_sender_has_seen() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let quotas = "/organizations/acme/quotas";
    let seen = admin.with("if-match", &tag(&admin.get(quotas).await));
    seen.put_json(quotas, &json!({"users": 20})).await.data(200);
    seen.put_json(quotas, &json!({"users": 30})).await.problem(412, "precondition_failed");
    assert_eq!(admin.get(quotas).await.data(200)["users"], json!(20));

    let only_there = acme.manager.with("if-match", "*");
    only_there.put("/workflows/quote", QUOTE).await.problem(412, "precondition_failed");
    let seen = acme.manager.with("if-match", &tag(&acme.manager.put("/workflows/quote", QUOTE).await));
    seen.put("/workflows/quote", &QUOTE.replace("* 2", "* 3")).await.data(201);
    seen.put("/workflows/quote", &QUOTE.replace("* 2", "* 4")).await.problem(412, "precondition_failed");
    only_there.put("/workflows/quote", &QUOTE.replace("* 2", "* 5")).await.data(201);
}

#[tokio::test]
async fn should_change_a_schedule_only_as_the_sender_has_seen_it() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    let new = json!({"workflow": "quote", "spec": {"every_seconds": 3600}});
    let id = text(&acme.manager.post("/schedules", &new).await.data(201)["id"]);
    let path = format!("/schedules/{id}");
    let seen = acme.manager.with("if-match", &tag(&acme.manager.get(&path).await));
    assert_eq!(seen.patch(&path, &json!({"note": "mine"})).await.data(200)["note"], json!("mine"));
    seen.patch(&path, &json!({"note": "yours"})).await.problem(412, "precondition_failed");
    assert_eq!(acme.manager.get(&path).await.data(200)["note"], json!("mine"));
}

#[tokio::test]
async fn should_change_nothing_for_what_is_no_tag_of_it() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let path = format!("/users/{}", acme.customer.user);
    let (own, other) =
        (tag(&acme.manager.get(&path).await), tag(&acme.manager.get("/organizations/acme").await));
    let weak = format!("W/{own}");
    for wrong in ["", "\"\"", "gone", &own[1..], &weak, &other] {
        let answer = acme.manager.with("if-match", wrong).patch(&path, &json!({"name": "New"})).await;
        answer.problem(412, "precondition_failed");
    }
    let either = format!("{other}, {own}");
    acme.manager.with("if-match", &either).patch(&path, &json!({"name": "New"})).await.data(200);
    let globex = Tenant::new(&admin, "globex").await;
    let hidden = globex.manager.with("if-match", "*").patch(&path, &json!({"name": "New"})).await;
    hidden.problem(404, "not_found");
}
