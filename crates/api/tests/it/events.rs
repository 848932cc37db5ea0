//! `/executions/{execution}/events`.

use std::{collections::VecDeque, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tenantry_api::{Connections, Limits, Settings};
use tenantry_test_support::{Answer, App, Database, Link, Servers, eventually};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    caller::{Caller, text},
    log::Log,
    scopes::limited,
    tasks::LONG,
    tenant::{Tenant, execution_in},
    wire::Wire,
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a stream may go on for somebody who may not see it any more: a second or so, on a machine that has other things to do.
const MOMENT: Duration = Duration::from_secs(5);

/// Waits a little, some times over.
const STEPS: &str = "\
document: {dsl: '1.0.3', namespace: test, name: steps, version: '1.0.0'}
do:
  - first: {wait: {milliseconds: 1500}}
  - second: {wait: {milliseconds: 1500}}
  - third: {wait: {milliseconds: 1500}}
";

/// A task for each of many numbers.
const MANY: &str = "\
document: {dsl: '1.0.3', namespace: test, name: many, version: '1.0.0'}
do:
  - count: {set: {n: '${ .n + 1 }'}}
  - again: {switch: [{more: {when: '${ .n < 400 }', then: count}}]}
";

/// Somebody who hears a stream.
struct Listener {
    response: reqwest::Response,
    text: String,
    heard: VecDeque<Heard>,
}

/// An event, as it was heard.
#[derive(Clone, Debug, PartialEq)]
struct Heard {
    id: String,
    event: String,
    data: Value,
}

impl Listener {
    async fn to(caller: &Caller, execution: &str) -> Self {
        let response = caller.listen(&format!("/executions/{execution}/events")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new(), heard: VecDeque::new() }
    }

    /// Takes the stream up after this event.
    async fn after(caller: &Caller, execution: &str, id: &str) -> Self {
        Self::to(&caller.with("last-event-id", id), execution).await
    }

    /// The next event; none when the stream has ended.
    async fn next(&mut self) -> Option<Heard> {
        timeout(PATIENCE, self.read()).await.expect("an event or an end in time")
    }

    async fn read(&mut self) -> Option<Heard> {
        while self.heard.is_empty() {
            let bytes = self.response.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&bytes).expect("UTF-8"));
            while let Some((event, _)) = self.text.split_once("\n\n") {
                let end = event.len() + 2;
                self.heard.extend(parse(event));
                self.text.drain(..end);
            }
        }
        self.heard.pop_front()
    }

    /// What is heard until an event is what is expected, that one included.
    async fn until(&mut self, expected: &str) -> Vec<Heard> {
        let mut heard = Vec::new();
        loop {
            let next = self.next().await.unwrap_or_else(|| panic!("no {expected}: {heard:?}"));
            heard.push(next);
            if heard.last().is_some_and(|last| line(last) == expected) {
                return heard;
            }
        }
    }

    /// All that follows.
    async fn rest(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        while let Some(next) = self.next().await {
            heard.push(next);
        }
        heard
    }

    /// Hears no event, but the end, within this time.
    async fn ends_within(&mut self, limit: Duration) {
        let end = timeout(limit, self.rest()).await.expect("an end in time");
        assert_eq!(end, [], "nothing more is told");
    }
}

/// One event. What is none of ours has no data: how long to wait before coming again, and comments.
fn parse(text: &str) -> Option<Heard> {
    let field = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let value = lines.next().map(str::to_owned);
        assert_eq!(lines.next(), None, "one {name}: {text}");
        value
    };
    let data = field("data")?;
    let data = serde_json::from_str(&data).expect("JSON");
    Some(Heard { id: field("id").expect("an id"), event: field("event").expect("a kind"), data })
}

/// What happened, in a line.
fn line(heard: &Heard) -> String {
    let name = if heard.event == "task" { format!(" {}", text(&heard.data["name"])) } else { String::new() };
    format!("{}{name} {}", heard.event, text(&heard.data["status"]))
}

fn lines(heard: &[Heard]) -> Vec<String> {
    heard.iter().map(line).collect()
}

fn ids(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(|heard| heard.id.as_str()).collect()
}

async fn acme() -> (App, Caller, Tenant) {
    acme_as(App::start().await).await
}

async fn acme_as(app: App) -> (App, Caller, Tenant) {
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    for (name, definition) in [("long", LONG), ("steps", STEPS), ("many", MANY)] {
        acme.manager.put(&format!("/workflows/{name}"), definition).await.data(201);
    }
    (app, admin, acme)
}

async fn started(acme: &Tenant, workflow: &str) -> String {
    let path = format!("/workflows/{workflow}/executions");
    text(&acme.customer.post(&path, &json!({"input": {"n": 0}})).await.data(202)["id"])
}

#[tokio::test]
async fn should_tell_what_happens_in_its_order_and_end_with_the_execution() {
    let (_app, _admin, acme) = acme().await;
    let id = started(&acme, "long").await;
    let mut listener = Listener::to(&acme.customer, &id).await;
    let begun = listener.until("task rest running").await;
    let begun_lines = lines(&begun);
    let told = begun_lines.strip_prefix(&["execution pending".to_owned()][..]).unwrap_or(&begun_lines);
    assert_eq!(
        told,
        [
            "execution running",
            "task begin completed",
            "task never skipped",
            "task outer running",
            "task rest running"
        ]
    );
    let running = &begun[begun.len() - 5].data;
    assert_eq!((&running["id"], &running["ended_at"]), (&json!(id), &Value::Null));
    let tasks = acme.customer.get(&format!("/executions/{id}/tasks")).await.data(200);
    assert_eq!(begun[begun.len() - 1].data, tasks[3], "a task is told as the list of tasks tells it");

    acme.customer.post(&format!("/executions/{id}/cancel"), &json!({})).await.data(202);
    let ended = listener.rest().await;
    assert_eq!(lines(&ended), ["task rest canceled", "task outer canceled", "execution canceled"]);
    let execution = execution_in(&acme.customer, &id, "canceled").await;
    assert_eq!(ended[2].data["ended_at"], execution["ended_at"]);

    // Who comes later hears how each of them is now.
    let later = Listener::to(&acme.customer, &id).await.rest().await;
    let expected =
        ["task begin completed", "task never skipped", "task rest canceled", "task outer canceled"];
    assert_eq!(lines(&later), [&expected[..], &["execution canceled"]].concat());
    assert_eq!(later[2..], ended[..]);
}

#[tokio::test]
async fn should_go_on_after_the_last_event_that_was_heard() {
    let (_app, _admin, acme) = acme().await;
    let id = acme.start().await;
    execution_in(&acme.customer, &id, "completed").await;
    let all = Listener::to(&acme.customer, &id).await.rest().await;
    assert_eq!(lines(&all), ["task price completed", "execution completed"]);
    for last in ["pending", "running", "task-1"] {
        assert_eq!(Listener::after(&acme.customer, &id, last).await.rest().await, all, "after {last}");
    }
    assert_eq!(Listener::after(&acme.customer, &id, &all[0].id).await.rest().await, all[1..]);
    // Who has heard of the end is told not to come again.
    let path = format!("/executions/{id}/events");
    let over = acme.customer.with("last-event-id", &all[1].id).get(&path).await;
    assert_eq!((over.status, over.text.as_str()), (204, ""));
    // An end that another execution had is none of one that goes on.
    let other = started(&acme, "long").await;
    Listener::after(&acme.customer, &other, "ended").await.until("task rest running").await;
}

#[tokio::test]
async fn should_be_taken_up_at_another_node_without_loss_or_repetition_when_one_stops() {
    let (database, temporal) = (Database::migrated().await, &Servers::get().temporal_address);
    let (first, _admin, acme) = acme_as(App::start_with(temporal, database.clone()).await).await;
    let id = started(&acme, "steps").await;
    let mut listener = Listener::to(&acme.customer, &id).await;
    let mut heard = listener.until("task second running").await;
    let stopping = Instant::now();
    let ((), rest) = tokio::join!(first.stop(), listener.rest());
    assert!(stopping.elapsed() < MOMENT, "nobody waits for streams: {:?}", stopping.elapsed());
    heard.extend(rest);

    let second = App::start_with(temporal, database).await;
    let there = Caller::anonymous(&second).with_key(&acme.customer.secret).await;
    let last = heard.last().expect("something was heard").id.clone();
    heard.extend(Listener::after(&there, &id, &last).await.rest().await);
    let mut places = ids(&heard);
    places.dedup();
    assert_eq!(places.len(), heard.len(), "nothing is told twice: {heard:?}");
    let told = lines(&heard);
    for name in ["first", "second", "third"] {
        assert_eq!(
            told.iter().filter(|line| **line == format!("task {name} completed")).count(),
            1,
            "{told:?}"
        );
    }
    assert_eq!(told.last().map(String::as_str), Some("execution completed"));
    // Whoever hears all of it there hears it as it was told here.
    let all = Listener::to(&there, &id).await.rest().await;
    assert!(all.iter().all(|event| heard.contains(event)), "{all:?} {heard:?}");
}

/// Each way in which somebody loses what they could see, or all: what the admin does.
fn endings(acme: &Tenant, of: &Caller) -> Vec<(Method, String, Option<Value>)> {
    let (user, key) = (format!("/users/{}", of.user), format!("/api-keys/{}", of.api_key));
    let suspend = format!("/organizations/{}/suspend", acme.slug);
    vec![
        (Method::PATCH, key.clone(), Some(json!({"scopes": ["workflows:read"]}))),
        (Method::PATCH, key.clone(), Some(json!({"scopes": ["executions:read", "workflow:other"]}))),
        (Method::PATCH, user, Some(json!({"status": "disabled"}))),
        (Method::DELETE, key, None),
        (Method::POST, suspend, None),
    ]
}

/// Another customer of the organization.
async fn another(admin: &Caller, number: usize) -> Caller {
    let email = format!("somebody-{number}@acme.example");
    let body = json!({"email": email, "name": "Somebody", "role": "customer"});
    let user = text(&admin.post("/organizations/acme/users", &body).await.data(201)["id"]);
    let key = admin.post(&format!("/users/{user}/api-keys"), &json!({"name": "test"})).await.data(201);
    admin.presenting(&[]).with_key(&text(&key["secret"])).await
}

#[tokio::test]
async fn should_end_for_whoever_may_not_see_it_any_more() {
    let (database, temporal) = (Database::migrated().await, &Servers::get().temporal_address);
    let (here, admin, acme) = acme_as(App::start_with(temporal, database.clone()).await).await;
    let there = App::start_with(temporal, database).await;
    let id = started(&acme, "long").await;
    let log = Log::listen();
    for way in 0..endings(&acme, &acme.customer).len() {
        let somebody = another(&admin, way).await;
        let elsewhere = Caller::anonymous(&there).with_key(&somebody.secret).await;
        let (mut one, mut two) = (Listener::to(&somebody, &id).await, Listener::to(&elsewhere, &id).await);
        let mut inside = Listener::to(&admin.inside("acme"), &id).await;
        for listener in [&mut one, &mut two, &mut inside] {
            listener.until("task rest running").await;
        }
        let (method, path, body) = endings(&acme, &somebody).remove(way);
        let body = body.map(|body| body.to_string());
        let body = body.as_deref().map(|body| ("application/json", body));
        let done = admin.send(method.clone(), &format!("/api/v0{path}"), body).await;
        assert!((200..300).contains(&done.status), "{method} {path}: {done:?}");
        tokio::join!(one.ends_within(MOMENT), two.ends_within(MOMENT));
        let goes_on = timeout(Duration::from_secs(1), inside.rest()).await;
        assert!(goes_on.is_err(), "the admin still may: {method} {path}");
    }
    for outcome in ["unauthenticated", "not_found", "organization_suspended"] {
        let ended = format!("a stream of events ended outcome=\"{outcome}\"");
        assert!(log.text().contains(&ended), "{outcome}");
    }
    drop(here);
}

#[tokio::test]
async fn should_look_once_for_all_who_follow_the_same_execution() {
    const FOLLOWERS: usize = 40;
    let (app, _admin, acme) = acme().await;
    let id = started(&acme, "long").await;
    let mut listeners = Vec::new();
    for _ in 0..FOLLOWERS {
        listeners.push(Listener::to(&acme.customer, &id).await);
    }
    for listener in &mut listeners {
        listener.until("task rest running").await;
    }
    let anonymous = Caller::anonymous(&app);
    let metrics = async || anonymous.send(Method::GET, "/metrics", None).await.text;
    assert!(metrics().await.contains("\ntenantry_event_streams_open 40\n"));
    let log = Log::listen();
    sleep(Duration::from_secs(3)).await;
    let looks = log.text().matches("null::json as input").count();
    assert!((1..FOLLOWERS).contains(&looks), "{looks} looks");

    acme.manager.post(&format!("/executions/{id}/terminate"), &json!({})).await.data(200);
    for listener in &mut listeners {
        let end = listener.rest().await;
        assert_eq!(lines(&end), ["task rest terminated", "task outer terminated", "execution terminated"]);
        assert!(end.is_sorted_by_key(|event| event.id.clone()) || end[2].id == "ended", "{end:?}");
    }
    drop(listeners);
    eventually("all are closed", || async {
        metrics().await.contains("\ntenantry_event_streams_open 0\n").then_some(())
    })
    .await;
}

#[tokio::test]
async fn should_have_a_bound_for_each_organization_and_for_all() {
    let limits = Limits { connections: Connections::at_most(32), ..Limits::default() };
    let (app, admin, acme) = acme_as(App::start_as(Settings { limits, ..Settings::default() }).await).await;
    let other = Tenant::active(&app, &admin, "other").await.with_quote().await;
    let (id, theirs) = (started(&acme, "long").await, other.start().await);
    let one = Listener::to(&acme.customer, &id).await;
    let _two = Listener::to(&acme.manager, &id).await;
    let path = format!("/executions/{id}/events");
    let refused = acme.customer.get(&path).await;
    refused.problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), Some("5"));
    // Others have room, and what is foreign is not there, room or none.
    Listener::to(&other.customer, &theirs).await.until("execution completed").await;
    let foreign = acme.customer.get(&format!("/executions/{theirs}/events")).await;
    foreign.problem(404, "not_found");
    drop(one);
    eventually("there is room again", || async {
        let response = acme.customer.listen(&path).await;
        (response.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn should_tell_the_same_to_whoever_is_slow() {
    let (app, _admin, acme) = acme().await;
    let id = started(&acme, "many").await;
    let mut wire = Wire::to(&app).await;
    let head = wire.get(&format!("/api/v0/executions/{id}/events")).trim_end().to_owned();
    let accept = "accept-encoding: gzip, br\r\nconnection: close";
    wire.say(&format!("{head}\r\nauthorization: Bearer {}\r\n{accept}\r\n\r\n", acme.customer.secret)).await;
    execution_in(&acme.customer, &id, "completed").await;
    let mut all = Listener::to(&acme.customer, &id).await.rest().await;
    // This node may have looked last while it ran.
    all.retain(|event| event.id != "running");
    assert_eq!(all.len(), 801);
    let text = wire.rest().await;
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
    assert!(!head.contains("content-encoding"), "events go out as they are: {head}");
    let body: String = chunks(body);
    let events: Vec<Heard> = body.split_terminator("\n\n").filter_map(parse).collect();
    assert_eq!(events[events.len() - 801..], all);
}

/// What the chunks of a body are put together to (RFC 9112, section 7.1).
fn chunks(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a length");
        whole.push_str(&rest[..length]);
        body = rest[length..].strip_prefix("\r\n").expect("the end of a chunk");
    }
    whole
}

#[tokio::test]
async fn should_tell_where_executions_of_own_workers_are() {
    let (_app, _admin, acme) = acme().await;
    let mut worker = acme.own_worker("orders").await;
    let own = json!({"workflow_type": "Order", "task_queue": "orders"});
    let id = text(&acme.customer.post("/executions", &own).await.data(202)["id"]);
    let mut listener = Listener::to(&acme.customer, &id).await;
    listener.until("execution running").await;
    worker.answer_next(Answer::Complete("1".to_owned())).await;
    assert_eq!(lines(&listener.rest().await), ["execution completed"]);
}

#[tokio::test]
async fn should_go_on_when_temporal_is_back() {
    let mut temporal = Link::to(&Servers::get().temporal_address);
    temporal.open();
    let app = App::start_with(&temporal.address(), Database::migrated().await).await;
    let (_app, _admin, acme) = acme_as(app).await;
    let id = started(&acme, "steps").await;
    let mut listener = Listener::to(&acme.customer, &id).await;
    listener.until("task first running").await;
    temporal.cut().await;
    assert!(timeout(Duration::from_secs(2), listener.next()).await.is_err(), "nothing is known");
    temporal.open();
    let rest = lines(&listener.rest().await);
    assert_eq!(rest.last().map(String::as_str), Some("execution completed"));
    assert!(rest.contains(&"task third completed".to_owned()), "{rest:?}");
}

#[tokio::test]
async fn should_refuse_what_is_wrong_before_it_begins() {
    let (app, admin, acme) = acme().await;
    let id = started(&acme, "long").await;
    let path = format!("/executions/{id}/events");
    for wrong in ["task-0x1", "1", "ENDED", "task-01"] {
        let refused = acme.customer.with("last-event-id", wrong).get(&path).await;
        assert_eq!(refused.wrong_fields(422, "invalid"), ["Last-Event-ID"], "{wrong}");
    }
    let twice = acme.customer.with("last-event-id", "task-1").with("last-event-id", "task-2");
    assert_eq!(twice.get(&path).await.wrong_fields(422, "invalid"), ["Last-Event-ID"]);
    assert_eq!(acme.customer.get(&format!("{path}?after=3")).await.wrong_fields(422, "invalid"), ["after"]);
    let starter = limited(&acme.manager, &acme.customer, &["executions:start"]).await;
    starter.get(&path).await.problem(403, "forbidden");
    Caller::anonymous(&app).get(&path).await.problem(401, "unauthenticated");
    let other = Tenant::active(&app, &admin, "other").await;
    let missing = other.manager.get("/executions/exe_01h455vb4pex5vsknk084sn02q/events").await;
    missing.problem(404, "not_found");
    for caller in [&other.manager, &other.customer] {
        let foreign = caller.with("last-event-id", "running").get(&path).await;
        assert_eq!(foreign.indistinct(), missing.indistinct());
    }
    let head = acme.customer.send(Method::HEAD, &format!("/api/v0{path}"), None).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(
        (head.header("cache-control"), head.header("x-accel-buffering")),
        (Some("no-store"), Some("no"))
    );
}

#[tokio::test]
async fn should_leave_a_line_when_it_begins_and_one_when_it_ends() {
    let (_app, _admin, acme) = acme().await;
    let id = acme.start().await;
    execution_in(&acme.customer, &id, "completed").await;
    let log = Log::listen();
    let customer = acme.customer.with("x-request-id", "a-stream");
    Listener::to(&customer, &id).await.rest().await;
    let text = eventually("the end is noted", || async {
        let text = log.text();
        text.contains("a stream of events ended outcome=\"ok\"").then_some(text)
    })
    .await;
    let lines: Vec<&str> =
        text.lines().filter(|line| line.contains(" INFO ") && line.contains("a-stream")).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("route=\"/api/v0/executions/{execution}/events\""), "{lines:?}");
    assert!(lines[0].contains("status=200") && lines[1].contains("a stream of events ended"), "{lines:?}");
}
