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
        let replayed = replayer.replay_workflow(history).await;
        assert!(replayed.is_ok(), "{name}: {replayed:?}");
    }
}

#[tokio::test]
async fn should_notice_commands_in_another_order() {
    let (_, json) = recorded().into_iter().find(|(name, _)| name.ends_with("call.json")).expect("a call");
    let mut history: Value = serde_json::from_slice(&json).expect("JSON");
    let input = &mut history["events"][0]["attributes"]["WorkflowExecutionStartedEventAttributes"]["input"]["payloads"]
        [0]["data"];
    let decoded = STANDARD.decode(input.as_str().expect("text")).expect("base64");
    let mut hosted: Value = serde_json::from_slice(&decoded).expect("JSON");
    hosted["definition"]["do"].as_array_mut().expect("tasks").reverse();
    *input = json!(STANDARD.encode(hosted.to_string()));
    let history = WorkflowHistory::from_json(history.to_string().as_bytes()).expect("a history");
    let failure = replayer().replay_workflow(history).await.expect_err("the wait comes first now");
    assert!(
        matches!(failure, WorkflowReplayError::Replay(WorkflowReplayFailure::Nondeterminism { .. })),
        "{failure:?}"
    );
}
