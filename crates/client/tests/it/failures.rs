//! What the client makes of answers that are none.

use std::time::Duration;

use serde_json::json;
use tenantry_client::{Client, Error};

use crate::stand_in::{Answer, StandIn, nobody};

async fn ask(answer: Answer) -> Error {
    let server = StandIn::new([answer]).await;
    let client =
        Client::new(&server.url, "tn_test").expect("a client").with_timeout(Duration::from_millis(200));
    client.organizations().get("acme").send().await.expect_err("no organization")
}

#[tokio::test]
async fn should_read_a_problem_whole() {
    let problem = json!({
        "type": "about:blank", "title": "Invalid", "status": 422, "detail": "the input is not valid", "code": "invalid",
        "request_id": "r1", "errors": [{"field": "slug", "message": "is taken"}],
    });
    let error = ask(Answer::new(422, problem)).await;
    assert_eq!(error.to_string(), "the input is not valid; slug: is taken");
    let Error::Api(problem) = error else { panic!("{error:?}") };
    assert_eq!(
        (problem.status, problem.code.as_str(), problem.request_id.as_deref()),
        (422, "invalid", Some("r1"))
    );
    assert_eq!(problem.errors[0].field.as_deref(), Some("slug"));
}

#[tokio::test]
async fn should_say_how_long_a_limited_caller_waits() {
    let limited = Answer::new(429, json!({"code": "rate_limited"})).header("retry-after", "7");
    let error = ask(limited).await;
    assert!(error.is_transient());
    let Error::Api(problem) = error else { panic!("{error:?}") };
    assert_eq!(problem.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn should_not_take_another_server_for_tenantry() {
    let check = async |answer: Answer, status| {
        let error = ask(answer).await;
        assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
        assert_eq!(error.status(), Some(status));
    };
    check(Answer::new(200, "<html>welcome</html>"), 200).await;
    check(Answer::new(200, json!({"no": "data"})), 200).await;
    check(Answer::new(200, json!({"data": {"id": 5}})), 200).await;
    check(Answer::new(404, "not found"), 404).await;
    check(Answer::new(404, json!({"error": "not found"})), 404).await;
    check(Answer::new(302, "").header("location", "http://elsewhere.invalid/"), 302).await;
    check(Answer::new(204, ""), 204).await;
}

#[tokio::test]
async fn should_know_what_passes_by_itself() {
    for (status, body, transient) in [
        (503, r#"{"code": "unavailable"}"#, true),
        (502, "<html>bad gateway</html>", true),
        (500, r#"{"code": "internal"}"#, false),
        (404, r#"{"code": "not_found"}"#, false),
        (429, r#"{"code": "quota_exceeded"}"#, false),
    ] {
        assert_eq!(ask(Answer::new(status, body)).await.is_transient(), transient, "{body}");
    }
}

#[tokio::test]
async fn should_give_up_on_a_server_that_does_not_answer() {
    let error = ask(Answer::new(200, json!({"data": {}})).after(Duration::from_mins(1))).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn should_say_where_nobody_listens() {
    let url = nobody().await;
    let client = Client::new(&url, "tn_test").expect("a client");
    let error = client.me().send().await.expect_err("nobody");
    assert_eq!(error.to_string(), format!("cannot reach {url}"));
    assert!(error.is_transient() && error.status().is_none());
    assert!(!format!("{error:?}").contains("tn_test"));
}

#[tokio::test]
async fn should_not_walk_in_a_circle() {
    let page = Answer::new(200, json!({"data": [], "next_cursor": "again"}));
    let server = StandIn::new([page.clone(), page]).await;
    let client = Client::new(&server.url, "tn_test").expect("a client");
    let error = client.organizations().list().all().await.expect_err("a circle");
    assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
}
