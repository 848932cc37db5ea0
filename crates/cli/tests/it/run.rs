//! Starting a workflow, and waiting for its output.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    answers::{data, execution, unavailable},
    stand_in::{Answer, StandIn},
    tenantry::Tenantry,
};

const RUN: [&str; 4] = ["run", "quote", "--input", r#"{"amount": 3}"#];

fn started() -> Answer {
    Answer::new(202, json!({ "data": execution("pending") }))
}

fn ended(status: &str, member: &str, value: &Value) -> Answer {
    let mut ended = execution(status);
    ended[member] = value.clone();
    data(&ended)
}

#[tokio::test]
async fn should_print_the_execution_when_not_told_to_wait() {
    let server = StandIn::new([started()]).await;
    let left = Tenantry::at(&server.url).run(&[&RUN[..], &["--revision", "1"]].concat()).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    insta::assert_snapshot!(left.stdout);
    assert_eq!(server.asked()[0].body, r#"{"input":{"amount":3},"revision":1}"#);
}

#[tokio::test]
async fn should_print_the_output_alone_when_told_to_wait() {
    let done = ended("completed", "output", &json!({"total": 30}));
    let server = StandIn::new([started(), data(&execution("running")), done]).await;
    let left = Tenantry::at(&server.url).run(&[&RUN[..], &["--wait"]].concat()).await;
    assert_eq!(
        (left.status, left.stdout.as_str(), left.stderr.as_str()),
        (Some(0), "{\n  \"total\": 30\n}\n", "")
    );
}

#[tokio::test]
async fn should_keep_waiting_through_a_restart_of_the_server() {
    let garbage = Answer::new(502, "<html>bad gateway</html>");
    let done = ended("completed", "output", &json!(1));
    let server = StandIn::new([started(), unavailable(), garbage, unavailable(), done]).await;
    let left = Tenantry::at(&server.url).run(&[&RUN[..], &["--wait"]].concat()).await;
    assert_eq!((left.status, left.stdout.as_str()), (Some(0), "1\n"));
    insta::assert_snapshot!(left.stderr);
}

#[tokio::test]
async fn should_leave_a_limited_server_alone_for_as_long_as_it_says() {
    let limited = Answer::new(429, json!({"code": "rate_limited"})).header("retry-after", "1");
    let server = StandIn::new([started(), limited, ended("completed", "output", &json!(1))]).await;
    let since = std::time::Instant::now();
    let left = Tenantry::at(&server.url).run(&[&RUN[..], &["--wait"]].concat()).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    assert!(since.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn should_fail_with_the_error_of_the_definition_language() {
    let error = json!({
        "type": "https://open-workflow-specification.org/spec/1.0.0/errors/communication", "status": 500,
        "title": "Communication error", "detail": "the price list answered 500", "instance": "/do/0/fetch",
    });
    let server = StandIn::new([started(), ended("failed", "error", &error)]).await;
    let left = Tenantry::at(&server.url).run(&[&RUN[..], &["--wait"]].concat()).await;
    assert_eq!((left.status, left.stdout.as_str()), (Some(1), ""));
    insta::assert_snapshot!(left.stderr);
}

#[tokio::test]
async fn should_fail_with_every_other_end() {
    for status in ["canceled", "terminated", "timed_out"] {
        let server = StandIn::new([started(), data(&execution(status))]).await;
        let left = Tenantry::at(&server.url).run(&[&RUN[..], &["--wait"]].concat()).await;
        assert_eq!((left.status, left.stdout.as_str()), (Some(1), ""));
        assert!(left.stderr.starts_with(&format!("error[{status}]: ")), "{}", left.stderr);
    }
}

#[tokio::test]
async fn should_read_the_input_from_a_file_and_from_standard_input() {
    let server = StandIn::new([started(), started()]).await;
    let tenantry = Tenantry::at(&server.url);
    tenantry.write("order.json", 0o644, "[1]");
    tenantry.run(&["run", "quote", "--input", "@order.json"]).await;
    tenantry.run_with_input(&["run", "quote", "--input", "-"], "[2]").await;
    let bodies: Vec<String> = server.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(bodies, [r#"{"input":[1]}"#, r#"{"input":[2]}"#]);
}

#[tokio::test]
async fn should_refuse_an_input_that_is_not_json() {
    let left = Tenantry::at("http://localhost").run(&["run", "quote", "--input", "{amount: 3}"]).await;
    assert_eq!(left.status, Some(2));
    assert!(left.stderr.starts_with("error[invalid]: the input is not JSON: "), "{}", left.stderr);
}
