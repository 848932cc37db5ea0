//! Plays recorded histories back against the workflow as it is now: an execution that was begun by an earlier version must be able to go
//! on. `tests/it/record.rs` records them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_replayer::{
    WorkflowReplayError, WorkflowReplayFailure, WorkflowReplayer, WorkflowReplayerOptions,
};
use tenantry_sandbox::Sandbox;

use super::HostedWorkflow;

fn replayer() -> WorkflowReplayer {
    let sandbox = Arc::new(Sandbox::new().expect("it was built for this machine"));
    let options = WorkflowReplayerOptions::new()
        .register_workflow_with_factory(move || HostedWorkflow::new(Arc::clone(&sandbox) as _))
        .expect("one workflow")
        .build();
    WorkflowReplayer::new(options).expect("a replayer")
}

/// The histories, each with its name.
fn recorded() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay");
    let files = |folder: &Path| -> Vec<_> {
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
    };
    let paths = files(&folder).iter().flat_map(|generation| files(generation)).collect::<Vec<_>>();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(&folder).expect("in the folder").display().to_string();
        (name, fs::read(path).expect("a history"))
    };
    paths.iter().map(read).collect()
}

#[tokio::test]
async fn should_play_back_what_earlier_versions_have_begun() {
    let (replayer, recorded) = (replayer(), recorded());
    assert!(recorded.len() > 10);
    for (name, json) in recorded {
        let history = WorkflowHistory::from_json(&json).expect("a history");
        let failure = replayer.replay_workflow(history).await.err();
        assert!(failure.is_none(), "{name}: {failure:?}");
    }
}

/// A recorded history to change.
fn history(name: &str) -> Value {
    let (_, json) = recorded().into_iter().find(|(known, _)| known == name).expect("it was recorded");
    serde_json::from_slice(&json).expect("JSON")
}

/// Changes the tasks of the definition that a history begins with.
fn change_tasks(history: &mut Value, change: impl FnOnce(&mut Value)) {
    let started = &mut history["events"][0]["attributes"]["WorkflowExecutionStartedEventAttributes"];
    let input = &mut started["input"]["payloads"][0]["data"];
    let decoded = STANDARD.decode(input.as_str().expect("text")).expect("base64");
    let mut hosted: Value = serde_json::from_slice(&decoded).expect("JSON");
    change(&mut hosted["definition"]["do"]);
    *input = json!(STANDARD.encode(hosted.to_string()));
}

async fn replayed(history: &Value) -> Result<(), WorkflowReplayError> {
    let history = WorkflowHistory::from_json(history.to_string().as_bytes()).expect("a history");
    replayer().replay_workflow(history).await
}

#[tokio::test]
async fn should_notice_commands_in_another_order() {
    let mut history = history("v1/call.json");
    change_tasks(&mut history, |tasks| tasks.as_array_mut().expect("tasks").reverse());
    let failure = replayed(&history).await.expect_err("the wait comes first now");
    assert!(
        matches!(failure, WorkflowReplayError::Replay(WorkflowReplayFailure::Nondeterminism { .. })),
        "{failure:?}"
    );
}

/// The same event, after so many more rounds of a loop that waits.
fn later(event: &Value, rounds: u64) -> Value {
    let mut event = event.clone();
    let later = |id: &Value| json!(id.as_u64().expect("an id") + 5 * rounds);
    event["event_id"] = later(&event["event_id"]);
    let attributes = event["attributes"].as_object_mut().expect("attributes");
    for (name, value) in attributes.values_mut().filter_map(Value::as_object_mut).flatten() {
        if name.ends_with("event_id") && value.as_u64() > Some(4) {
            *value = later(value);
        } else if name == "timer_id" {
            let timer: u64 = value.as_str().expect("text").parse().expect("a number");
            *value = json!((timer + rounds).to_string());
        }
    }
    event
}

#[tokio::test]
async fn should_play_back_what_has_grown_long_before_runs_continued() {
    const ROUNDS: u64 = 500;
    let mut history = history("v1/loop_that_waits.json");
    let events = history["events"].as_array().expect("events").clone();
    // The fifth to the ninth are one round.
    let (begin, (round, rest)) = (&events[..4], (&events[4..9], &events[4..]));
    let more = (0..ROUNDS).flat_map(|rounds| round.iter().map(move |event| later(event, rounds)));
    let rest = rest.iter().map(|event| later(event, ROUNDS));
    history["events"] = begin.iter().cloned().chain(more).chain(rest).collect();
    change_tasks(&mut history, |tasks| {
        tasks[2]["again"]["switch"][0]["more"]["when"] = json!(format!(".n < {}", 3 + ROUNDS));
    });
    replayed(&history).await.expect("it plays back");
}
