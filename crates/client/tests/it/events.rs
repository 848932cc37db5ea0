//! The events of an execution, through streams that are cut and servers that are away.

use std::time::{Duration, Instant};

use serde_json::json;
use tenantry_client::{
    Client, Error,
    executions::{Event, Events, ExecutionStatus},
};

use crate::stand_in::{Answer, StandIn, nobody};

const AT: &str = "2026-01-31T12:00:00Z";

fn status(id: &str, status: &str) -> String {
    let data = json!({"id": "exe_1", "status": status, "started_at": AT, "a_field_of_tomorrow": 1});
    format!("id: {id}\nevent: execution\ndata: {data}\n\n")
}

fn task(change: u64, status: &str) -> String {
    let data = json!({
        "entry": 1, "change": change, "reference": "/do/0/price", "name": "price", "type": "call", "status": status,
        "started_at": AT,
    });
    format!("id: task-{change}\nevent: task\ndata: {data}\n\n")
}

/// Soon enough for a test.
fn begin() -> String {
    format!("retry: 10\n\n{}", status("running", "running"))
}

fn events(server: &StandIn) -> Events {
    let client = Client::new(&server.url, "tn_test").expect("a client").with_organization("acme");
    client.executions().events("exe_1")
}

/// What is told, in a line each, until the end.
async fn told(events: &mut Events) -> Result<Vec<String>, Error> {
    let mut told = Vec::new();
    while let Some(event) = events.next().await? {
        told.push(match event {
            Event::Execution(change) => format!("{:?}", change.status),
            Event::Task(task) => format!("{} {}", task.name, task.status),
            other => format!("{other:?}"),
        });
    }
    Ok(told)
}

#[tokio::test]
async fn should_tell_what_happens_until_the_end() {
    let unknown = "id: x\nevent: of_tomorrow\ndata: {}\n\n";
    let all = [
        &begin(),
        &task(1, "running"),
        ":\n\n",
        unknown,
        &task(2, "completed"),
        &status("ended", "completed"),
    ];
    let server = StandIn::new([Answer::events(all.concat())]).await;
    let mut events = events(&server);
    assert_eq!(
        told(&mut events).await.expect("events"),
        ["Running", "price running", "price completed", "Completed"]
    );
    assert_eq!(events.last_event_id(), Some("ended"));
    assert_eq!(events.next().await.expect("the end"), None);
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "GET /api/v0/executions/exe_1/events");
    for (name, value) in [
        ("accept", "text/event-stream"),
        ("authorization", "Bearer tn_test"),
        ("tenantry-organization", "acme"),
    ] {
        assert_eq!(asked[0].header(name), Some(value));
    }
    assert_eq!(asked[0].header("last-event-id"), None);
}

#[tokio::test]
async fn should_take_up_a_stream_that_was_cut_after_the_last_whole_event() {
    let half = "id: task-2\nevent: task\ndata: {\"entry\"";
    let server = StandIn::new([
        Answer::events([&begin(), &task(1, "running"), half].concat()),
        Answer::new(503, json!({"code": "unavailable"})).of_events(),
        Answer::new(502, "<html>bad gateway</html>").of_events(),
        Answer::events("retry: 10\n\n"),
        Answer::events([&task(2, "completed"), &status("ended", "completed")].map(|text| &**text).concat()),
    ])
    .await;
    let told = told(&mut events(&server)).await.expect("events");
    assert_eq!(told, ["Running", "price running", "price completed", "Completed"]);
    let last: Vec<_> =
        server.asked().iter().map(|asked| asked.header("last-event-id").map(str::to_owned)).collect();
    let after = Some("task-1".to_owned());
    assert_eq!(last, [None, after.clone(), after.clone(), after.clone(), after]);
}

#[tokio::test]
async fn should_know_that_all_was_told() {
    let server = StandIn::new([Answer::new(204, "").of_events()]).await;
    let mut events = events(&server).after("ended");
    assert_eq!(events.next().await.expect("the end"), None);
    assert_eq!(server.asked()[0].header("last-event-id"), Some("ended"));
}

#[tokio::test]
async fn should_give_up_where_it_is_in_vain() {
    let check = async |answer: Answer, status: u16, transient: bool| {
        let server = StandIn::new([answer]).await;
        let error = events(&server).patience(Duration::ZERO).next().await.expect_err("no events");
        assert_eq!((error.status(), error.is_transient()), (Some(status), transient), "{error:?}");
    };
    check(Answer::new(401, json!({"code": "unauthenticated"})).of_events(), 401, false).await;
    check(Answer::new(404, json!({"code": "not_found"})).of_events(), 404, false).await;
    check(Answer::new(503, json!({"code": "unavailable"})).of_events(), 503, true).await;
    check(Answer::new(200, json!({"data": {}})).of_events(), 200, false).await;
    check(Answer::events("event: execution\ndata: {}\n\n"), 200, false).await;
}

#[tokio::test]
async fn should_tell_of_an_outage_when_patience_ends_and_go_on_when_asked_again() {
    let client = Client::new(&nobody().await, "tn_test").expect("a client");
    let mut away = client.executions().events("exe_1").patience(Duration::from_millis(1500));
    let since = Instant::now();
    let error = away.next().await.expect_err("nobody listens");
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error:?}");
    assert!(since.elapsed() >= Duration::from_millis(1500));

    let limited = Answer::new(429, json!({"code": "rate_limited"})).header("retry-after", "1").of_events();
    let server = StandIn::new([limited, Answer::events(status("ended", "failed"))]).await;
    let (mut events, since) = (events(&server).patience(Duration::ZERO), Instant::now());
    events.next().await.expect_err("a limit");
    let event = events.next().await.expect("an event");
    assert!(matches!(event, Some(Event::Execution(change)) if change.status == ExecutionStatus::Failed));
    assert!(since.elapsed() >= Duration::from_secs(1), "as the server wants");
}

#[tokio::test]
async fn should_not_begin_for_ever_what_never_begins() {
    let server = StandIn::new([Answer::events(""), Answer::events("")]).await;
    let error = events(&server).patience(Duration::ZERO).next().await.expect_err("no events");
    assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
}
