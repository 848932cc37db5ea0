//! `/workflows/{workflow}/revisions`, and what becomes of them when a workflow is deleted.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use tenantry_test_support::App;

use crate::{
    caller::{Caller, text},
    tenant::{QUOTE, Tenant, execution_in},
    text::steady,
};

/// [`QUOTE`] with another factor.
fn times(factor: usize) -> String {
    QUOTE.replace("* 2", &format!("* {factor}"))
}

/// How many revisions [`acme`] has uploaded.
const REVISIONS: usize = 5;

async fn acme() -> (App, Caller, Tenant) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    for factor in 1..=REVISIONS {
        acme.manager.put("/workflows/quote", &times(factor)).await.data(201);
    }
    (app, admin, acme)
}

fn numbers(list: &[Value]) -> Vec<i64> {
    list.iter().filter_map(|one| one["revision"].as_i64()).collect()
}

#[tokio::test]
async fn should_list_the_revisions_of_a_workflow_newest_first() {
    let (_app, _admin, acme) = acme().await;
    let listed = acme.customer.walk("/workflows/quote/revisions").await;
    assert_eq!(numbers(&listed), [5, 4, 3, 2, 1]);
    assert_json_snapshot!(steady(listed[4].clone()));
    let whole = acme.customer.get("/workflows/quote/revisions").await.json();
    assert_eq!(whole["next_cursor"], json!(null));
    let some = acme.customer.get("/workflows/quote/revisions?limit=2&cursor=4").await.json();
    assert_eq!(numbers(some["data"].as_array().expect("a list")), [3, 2]);
    assert_eq!(some["next_cursor"], json!("2"));
    assert_eq!(acme.customer.get("/workflows/quote/revisions?cursor=1").await.data(200), json!([]));
    for cursor in ["x", "0", "-1", "01", "+1", "2147483648"] {
        let wrong =
            acme.customer.get(&format!("/workflows/quote/revisions?cursor={cursor}&limit=0&before=1")).await;
        assert_eq!(wrong.wrong_fields(422, "invalid"), ["cursor", "limit", "before"], "{cursor}");
    }
    acme.customer.get("/workflows/other/revisions").await.problem(404, "not_found");
}

#[tokio::test]
async fn should_answer_each_revision_as_it_was_uploaded() {
    let (_app, _admin, acme) = acme().await;
    let listed = acme.customer.walk("/workflows/quote/revisions").await;
    for (at, revision) in (1..=REVISIONS).rev().enumerate() {
        let one = acme.customer.get(&format!("/workflows/quote/revisions/{revision}")).await.data(200);
        assert_eq!(one, listed[at]);
        let total = &one["definition"]["do"][0]["price"]["set"]["total"];
        assert_eq!(total, &json!(format!("${{ .amount * {revision} }}")));
    }
    for nowhere in [
        "quote/revisions/6",
        "quote/revisions/0",
        "quote/revisions/01",
        "quote/revisions/x",
        "other/revisions/1",
    ] {
        acme.customer.get(&format!("/workflows/{nowhere}")).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn should_leave_large_definitions_out_of_the_list_of_revisions() {
    let (_app, _admin, acme) = acme().await;
    let summary = format!("version: '1.0.0', summary: {}", "x".repeat(16_384));
    let large = QUOTE.replace("version: '1.0.0'", &summary);
    acme.manager.put("/workflows/quote", &large).await.data(201);
    let listed = acme.customer.walk("/workflows/quote/revisions").await;
    let left_out: Vec<_> = listed.iter().map(|one| one["definition"].is_null()).collect();
    assert_eq!(left_out, [true, false, false, false, false, false]);
    let whole = acme.customer.get("/workflows/quote/revisions/6").await.data(200);
    assert_eq!(whole["definition"]["document"]["summary"].as_str().map(str::len), Some(16_384));
}

#[tokio::test]
async fn should_keep_what_ran_and_let_go_on_what_runs_when_a_workflow_is_deleted() {
    let (_app, _admin, acme) = acme().await;
    let ended = acme.start().await;
    execution_in(&acme.customer, &ended, "completed").await;
    let slow = "document: {dsl: '1.0.3', namespace: test, name: quote, version: '1.0.0'}\n\
                do: [{rest: {wait: PT1S}}, {price: {set: {total: '${ .amount * 7 }'}}}]";
    acme.manager.put("/workflows/quote", slow).await.data(201);
    let running = acme.start().await;
    assert_eq!(acme.manager.delete("/workflows/quote").await.status, 204);

    for gone in ["quote", "quote/revisions", "quote/revisions/1"] {
        acme.customer.get(&format!("/workflows/{gone}")).await.problem(404, "not_found");
    }
    assert_eq!(acme.customer.get("/workflows").await.data(200), json!([]));
    acme.customer.post("/workflows/quote/executions", &json!({})).await.problem(404, "not_found");
    let of_revision = json!({"revision": 1});
    acme.customer.post("/workflows/quote/executions", &of_revision).await.problem(404, "not_found");
    let scheduled = json!({"workflow": "quote", "spec": {"every_seconds": 3600}});
    acme.manager.post("/schedules", &scheduled).await.problem(404, "not_found");
    acme.manager.delete("/workflows/quote").await.problem(404, "not_found");

    let done = execution_in(&acme.customer, &running, "completed").await;
    assert_eq!((&done["workflow"], &done["revision"]), (&json!("quote"), &json!(6)));
    assert_eq!(done["output"], json!({"total": 21}));
    let before = acme.customer.get(&format!("/executions/{ended}")).await.data(200);
    assert_eq!((&before["workflow"], &before["revision"]), (&json!("quote"), &json!(5)));
    acme.customer.get(&format!("/executions/{ended}/tasks")).await.data(200);
    acme.customer.get(&format!("/executions/{ended}/history")).await.data(200);
    let kept = acme.customer.get("/executions?workflow=quote").await.data(200);
    assert_eq!(kept.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn should_let_the_name_be_used_again_and_the_revisions_go_on() {
    let (_app, _admin, acme) = acme().await;
    let seen = acme.manager.get("/workflows/quote").await;
    let seen = acme.manager.with("if-match", seen.header("etag").expect("a tag"));
    assert_eq!(acme.manager.delete("/workflows/quote").await.status, 204);
    seen.put("/workflows/quote", &times(5)).await.problem(412, "precondition_failed");
    let again = acme.manager.put("/workflows/quote", &times(REVISIONS)).await.data(201);
    assert_eq!(again["revision"], json!(6), "an execution's revision names one definition for ever");
    assert_eq!(numbers(&acme.customer.walk("/workflows/quote/revisions").await), [6]);
    acme.customer.get("/workflows/quote/revisions/5").await.problem(404, "not_found");
    let of_revision = json!({"revision": 5});
    acme.customer.post("/workflows/quote/executions", &of_revision).await.problem(404, "not_found");
    let unchanged = acme.manager.put("/workflows/quote", &times(REVISIONS)).await.data(200);
    assert_eq!(unchanged["revision"], json!(6));
    assert_eq!(acme.manager.put("/workflows/quote", &times(9)).await.data(201)["revision"], json!(7));
}

#[tokio::test]
async fn should_delete_only_what_is_as_the_sender_has_seen_it() {
    let (_app, _admin, acme) = acme().await;
    let seen = acme.manager.get("/workflows/quote").await;
    let seen = acme.manager.with("if-match", seen.header("etag").expect("a tag"));
    acme.manager.put("/workflows/quote", &times(9)).await.data(201);
    seen.delete("/workflows/quote").await.problem(412, "precondition_failed");
    assert_eq!(acme.customer.get("/workflows/quote").await.data(200)["revision"], json!(6));
    assert_eq!(acme.manager.with("if-match", "*").delete("/workflows/quote").await.status, 204);
    acme.manager.with("if-match", "*").delete("/workflows/quote").await.problem(404, "not_found");
}

#[tokio::test]
async fn should_refuse_to_delete_what_schedules_start_and_name_them() {
    let (_app, _admin, acme) = acme().await;
    let acme = acme.with_schedule().await;
    let refused = acme.manager.delete("/workflows/quote").await.problem(409, "conflict");
    let expected = format!("schedules start this workflow ({}); delete them first", acme.schedule);
    assert_eq!(refused["detail"], json!(expected));
    assert_eq!(
        acme.customer.get("/workflows/quote").await.data(200)["revision"],
        json!(5),
        "nothing happened"
    );

    let key = json!({"name": "writes only", "scopes": ["workflows:write"]});
    let key = acme.manager.post(&format!("/users/{}/api-keys", acme.manager.user), &key).await.data(201);
    let refused = acme.manager.holding(&key).delete("/workflows/quote").await.problem(409, "conflict");
    assert_eq!(refused["detail"], json!("schedules start this workflow; delete them first"));

    for _ in 0..5 {
        acme.another_schedule().await;
    }
    let refused = acme.manager.delete("/workflows/quote").await.problem(409, "conflict");
    let detail = text(&refused["detail"]);
    assert_eq!(detail.matches("sch_").count(), 5, "{detail}");
    assert!(detail.contains(" and more); delete them first"), "{detail}");
    for schedule in acme.manager.walk("/schedules").await {
        let path = format!("/schedules/{}", text(&schedule["id"]));
        assert_eq!(acme.manager.delete(&path).await.status, 204);
    }
    assert_eq!(acme.manager.delete("/workflows/quote").await.status, 204);
}

#[tokio::test]
async fn should_never_have_a_schedule_of_a_workflow_that_was_deleted_at_the_same_time() {
    let (_app, _admin, acme) = acme().await;
    let scheduled = json!({"workflow": "quote", "spec": {"every_seconds": 3600}, "paused": true});
    for _ in 0..10 {
        let (made, deleted) = tokio::join!(
            acme.manager.post("/schedules", &scheduled),
            acme.manager.delete("/workflows/quote"),
        );
        match (made.status, deleted.status) {
            (201, 409) => {
                let path = format!("/schedules/{}", text(&made.json()["data"]["id"]));
                assert_eq!(acme.manager.delete(&path).await.status, 204);
            }
            (404, 204) => drop(acme.manager.put("/workflows/quote", QUOTE).await.data(201)),
            both => panic!("{both:?}: {made:?} {deleted:?}"),
        }
    }
}

#[tokio::test]
async fn should_count_what_is_there_and_not_what_was_deleted() {
    let (_app, admin, acme) = acme().await;
    admin.put_json("/organizations/acme/quotas", &json!({"workflows": 1})).await.data(200);
    let usage = async || acme.manager.get("/organizations/acme/usage").await.data(200)["workflows"].clone();
    let other = QUOTE.replace("quote", "other");
    acme.manager.put("/workflows/other", &other).await.problem(429, "quota_exceeded");
    assert_eq!(acme.manager.delete("/workflows/quote").await.status, 204);
    assert_eq!(usage().await, json!(0));
    acme.manager.put("/workflows/other", &other).await.data(201);
    acme.manager.put("/workflows/quote", QUOTE).await.problem(429, "quota_exceeded");
    assert_eq!(usage().await, json!(1));
    acme.manager.get("/workflows/quote").await.problem(404, "not_found");
}

#[tokio::test]
async fn should_record_who_deleted_which_revision() {
    let (_app, _admin, acme) = acme().await;
    acme.customer.delete("/workflows/quote").await.problem(403, "forbidden");
    let latest = acme.manager.get("/workflows/quote").await.data(200);
    assert_eq!(acme.manager.delete("/workflows/quote").await.status, 204);
    let entries = acme.manager.get("/audit-log?action=workflow.delete").await.data(200);
    assert_eq!(entries.as_array().map(Vec::len), Some(1));
    let expected = json!({"name": "quote", "revision": 5, "digest": latest["digest"]});
    assert_eq!(entries[0]["changes"], expected);
    assert_eq!(entries[0]["actor"]["user_id"], json!(acme.manager.user));
}

#[tokio::test]
async fn should_delete_nothing_that_a_key_does_not_reach() {
    let (_app, _admin, acme) = acme().await;
    acme.manager.put("/workflows/other", &QUOTE.replace("quote", "other")).await.data(201);
    let key = json!({"name": "narrow", "scopes": ["workflows:read", "workflows:write", "workflow:other"]});
    let key = acme.manager.post(&format!("/users/{}/api-keys", acme.manager.user), &key).await.data(201);
    let narrow = acme.manager.holding(&key);
    let (out_of_reach, missing) = ("/workflows/quote", "/workflows/nothing");
    assert_eq!(narrow.delete(out_of_reach).await.indistinct(), narrow.delete(missing).await.indistinct());
    for path in ["revisions", "revisions/1"] {
        let (out_of_reach, missing) = (format!("{out_of_reach}/{path}"), format!("{missing}/{path}"));
        assert_eq!(narrow.get(&out_of_reach).await.indistinct(), narrow.get(&missing).await.indistinct());
    }
    assert_eq!(narrow.get("/workflows/other/revisions/1").await.data(200)["name"], json!("other"));
    assert_eq!(narrow.delete("/workflows/other").await.status, 204);
    assert_eq!(acme.customer.get("/workflows/quote").await.data(200)["revision"], json!(5));
}

#[tokio::test]
async fn should_delete_once_however_often_the_request_comes() {
    let (_app, _admin, acme) = acme().await;
    let once = acme.manager.with("idempotency-key", "the one");
    assert_eq!(once.delete("/workflows/quote").await.status, 204);
    acme.manager.put("/workflows/quote", QUOTE).await.data(201);
    assert_eq!(once.delete("/workflows/quote").await.status, 204, "as before");
    assert_eq!(acme.customer.get("/workflows/quote").await.data(200)["revision"], json!(6));
}
