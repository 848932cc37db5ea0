//! Records the histories that `src/worker/replay.rs` plays back: one of each thing that a definition can do.
//!
//! `make record-histories` writes those that are not there to the latest folder of `crates/temporal/tests/replay`. One that is there
//! stays as it is: it stands for the executions that were begun by the version that wrote it, and those must go on. So remove it only
//! when none of them can be left. To add one: a line in `definitions`, or a test of its own for what needs more than a definition. When
//! what the same definition does is another now, gated for those that have begun: the next `GENERATION`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use temporalio_client::{UntypedWorkflow, WorkflowCancelOptions};
use tenantry_domain::ExecutionId;

use crate::harness::{Fixture, Service, eventually};

/// The folder to write to.
const GENERATION: &str = "v3";
/// A payload of so many bytes in base64 is left out, unless the workflow begins with it: it does not read what it has sent.
const LARGE: usize = 4096;

fn definitions(service: &Service) -> Vec<(&'static str, Value)> {
    let loop_of = |times: u32, rest: Value| {
        json!([
            { "count": { "set": { "n": "${ (.n // 0) + 1 }" } } },
            { "again": { "switch": [{ "more": { "when": format!("${{ .n < {times} }}"), "then": "count" } }] } },
            { "rest": rest },
        ])
    };
    let brief = json!({ "wait": { "milliseconds": 1 } });
    vec![
        ("set", json!([{ "a": { "set": { "n": 1 } } }])),
        (
            "switch",
            json!([
                { "choose": { "switch": [{ "no": { "when": "${ .n == 1 }", "then": "end" } }, { "else": { "then": "b" } }] } },
                { "a": { "set": { "n": 1 } } },
                { "b": { "set": { "n": 2 } } },
            ]),
        ),
        (
            "do",
            json!([{ "outer": { "do": [{ "rest": brief }, { "a": { "set": { "n": 1 } } }] } }, { "last": brief }]),
        ),
        ("call", json!([{ "fetch": service.task() }, { "rest": brief }])),
        ("wait", json!([{ "first": brief }, { "second": { "wait": { "milliseconds": 2 } } }])),
        (
            "failing_call",
            json!([{ "fetch": { "call": "http", "with": { "method": "get", "endpoint": "http://10.0.0.1/" } } }]),
        ),
        ("failing_expression", json!([{ "rest": brief }, { "a": { "set": { "n": "${ .n | error }" } } }])),
        ("loop", loop_of(2_500, brief.clone())),
        // Each 30 or so of these are a run.
        (
            "costly_loop",
            json!([
                { "count": { "set": { "n": "${ (.n // 0) + 1 }", "cost": "${ [range(100000)] | length }" } } },
                { "again": { "switch": [{ "more": { "when": ".n < 80", "then": "count" } }] } },
            ]),
        ),
        (
            "loop_that_waits",
            json!([
                { "count": { "set": { "n": "${ (.n // 0) + 1 }" } } },
                { "rest": brief },
                { "again": { "switch": [{ "more": { "when": "${ .n < 3 }", "then": "count" } }] } },
            ]),
        ),
    ]
}

#[tokio::test]
#[ignore = "it writes into the source tree: make record-histories"]
async fn record_each_task() {
    let fixture = Fixture::new().await;
    let service = Service::start(0).await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    for (name, tasks) in definitions(&service) {
        let execution = fixture.start(tasks).await;
        fixture.journal.outcome(execution).await;
        write(&fixture, name, execution).await;
    }
    pool.stop().await;
}

#[tokio::test]
#[ignore = "it writes into the source tree: make record-histories"]
async fn record_a_call_that_is_made_again() {
    let fixture = Fixture::new().await;
    let service = Service::start(1).await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let execution = fixture.start(json!([{ "fetch": service.task() }])).await;
    service.called().await;
    pool.stop().await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    fixture.journal.outcome(execution).await;
    write(&fixture, "call_again", execution).await;
    pool.stop().await;
}

#[tokio::test]
#[ignore = "it writes into the source tree: make record-histories"]
async fn record_an_end_that_could_not_be_written_down_at_once() {
    let fixture = Fixture::new().await;
    fixture.journal.fail(1);
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let execution = fixture.start(json!([{ "a": { "set": { "n": 1 } } }])).await;
    fixture.journal.outcome(execution).await;
    write(&fixture, "written_down_later", execution).await;
    pool.stop().await;
}

#[tokio::test]
#[ignore = "it writes into the source tree: make record-histories"]
async fn record_a_cancel() {
    let fixture = Fixture::new().await;
    let service = Service::start(1).await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let client = fixture.client().await;
    let waiting = fixture.start(json!([{ "rest": { "wait": { "seconds": 60 } } }])).await;
    let calling = fixture.start(json!([{ "fetch": service.task() }])).await;
    service.called().await;
    for (name, execution) in [("canceled_wait", waiting), ("canceled_call", calling)] {
        let handle = client.get_workflow_handle::<UntypedWorkflow>(execution.to_string());
        handle.cancel(WorkflowCancelOptions::default()).await.expect("a request to stop");
        fixture.journal.outcome(execution).await;
        write(&fixture, name, execution).await;
    }
    pool.stop().await;
}

/// Writes the histories of an execution that has ended, one for each run, unless they are there.
async fn write(fixture: &Fixture, name: &str, execution: ExecutionId) {
    eventually(async || has_closed(&fixture.history(execution, None).await)).await;
    let mut runs = vec![fixture.history(execution, None).await];
    while let Some(before) = run_before(&runs[0]) {
        runs.insert(0, fixture.history(execution, Some(before)).await);
    }
    for (number, history) in runs.iter_mut().enumerate() {
        let path = folder().join(format!("{name}{}.json", ["", "_2", "_3", "_4"][number]));
        if !path.exists() {
            forget_the_rest(history);
            let events = history["events"].as_array().expect("events");
            let lines: Vec<_> = events.iter().map(Value::to_string).collect();
            let text = format!("{{\"events\":[\n{}\n]}}\n", lines.join(",\n"));
            std::fs::write(path, text).expect("it is written");
        }
    }
}

fn run_before(history: &Value) -> Option<String> {
    let started = &history["events"][0]["attributes"]["WorkflowExecutionStartedEventAttributes"];
    let before = started["continued_execution_run_id"].as_str().filter(|id| !id.is_empty());
    before.map(str::to_owned)
}

fn has_closed(history: &Value) -> bool {
    let last = history["events"].as_array().and_then(|events| events.last());
    let attributes = last.and_then(|event| event["attributes"].as_object());
    let kind = attributes.and_then(|attributes| attributes.keys().next()).map(String::as_str);
    let ends = ["Completed", "Failed", "Canceled", "ContinuedAsNew"];
    ends.iter().any(|end| kind == Some(&format!("WorkflowExecution{end}EventAttributes")))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay").join(GENERATION)
}

/// Leaves out what names the machine, and what is large.
fn forget_the_rest(history: &mut Value) {
    match history {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), &value) {
                    ("WorkflowExecutionStartedEventAttributes", _) => value["identity"] = json!("tenantry"),
                    ("identity", _) => *value = json!("tenantry"),
                    ("data", Value::String(data)) if data.len() > LARGE => *value = json!("bnVsbA=="),
                    _ => forget_the_rest(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forget_the_rest),
        _ => {}
    }
}
