//! What became of the tasks of an execution, for people who look. Nothing is decided by it.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    WorkflowError, limits,
    task::{Kind, Task},
};

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// It was entered.
    Running,
    /// It was left with an output.
    Completed,
    /// Its condition did not hold.
    Skipped,
    /// It ended with an error, or one of its own tasks did.
    Failed,
    /// The execution was asked to stop, and did.
    Canceled,
}

/// A task that was entered; once for each time that it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskState {
    /// The JSON Pointer to its definition.
    pub reference: String,
    /// Its name.
    pub name: String,
    /// What it does: the word that sets its type apart.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is.
    pub status: TaskStatus,
    /// When it was entered.
    pub started_at: DateTime<Utc>,
    /// When it was left.
    pub ended_at: Option<DateTime<Utc>>,
    /// Which attempt this is: 1 for the first.
    pub attempt: u32,
    /// What it failed with; the tasks around it have failed with the same.
    pub error: Option<WorkflowError>,
}

/// Names a task that was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct EntryId(u64);

/// The latest tasks that were entered, within [`limits::TASK_STATES`] and [`limits::TASK_STATE_BYTES`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct TaskLog {
    entries: VecDeque<(EntryId, TaskState)>,
    entered: u64,
    #[serde(skip)]
    bytes: usize,
}

impl TaskLog {
    /// The same, when it was read from what was written down.
    pub(super) fn weighed(mut self) -> Self {
        self.bytes = self.states().map(weight).sum();
        self
    }

    /// Notes that a task was entered.
    pub(super) fn enter(&mut self, task: &Task, now: DateTime<Utc>) -> EntryId {
        let id = EntryId(self.entered);
        self.entered += 1;
        let state = TaskState {
            reference: bounded(&task.reference),
            name: bounded(&task.name),
            kind: kind(&task.kind).to_owned(),
            status: TaskStatus::Running,
            started_at: now,
            ended_at: None,
            attempt: 1,
            error: None,
        };
        self.bytes += weight(&state);
        self.entries.push_back((id, state));
        self.forget_the_oldest();
        id
    }

    /// Notes that a task was left.
    pub(super) fn leave(&mut self, id: EntryId, status: TaskStatus, now: DateTime<Utc>) {
        let entry = self.entries.iter_mut().rev().find(|(known, _)| *known == id);
        if let Some((_, state)) = entry {
            (state.status, state.ended_at) = (status, Some(now));
        }
    }

    /// Notes that nothing runs any more.
    pub(super) fn end(&mut self, status: TaskStatus, error: Option<&WorkflowError>, now: DateTime<Utc>) {
        let mut error = error.map(bounded_error);
        for (_, state) in self.entries.iter_mut().rev() {
            if state.status == TaskStatus::Running {
                let before = weight(state);
                (state.status, state.ended_at) = (status, Some(now));
                // The innermost is the one that raised it.
                state.error = error.take();
                self.bytes = self.bytes - before + weight(state);
            }
        }
        self.forget_the_oldest();
    }

    /// Those that are known, in the order in which they were entered.
    pub(super) fn states(&self) -> impl Iterator<Item = &TaskState> {
        self.entries.iter().map(|(_, state)| state)
    }

    fn forget_the_oldest(&mut self) {
        while self.entries.len() > limits::TASK_STATES || self.bytes > limits::TASK_STATE_BYTES {
            // Rather one that has ended than one that is still at it.
            let ended = self.entries.iter().position(|(_, state)| state.status != TaskStatus::Running);
            let Some((_, state)) = self.entries.remove(ended.unwrap_or(0)) else { return };
            self.bytes -= weight(&state);
        }
    }
}

/// About as long as it is in JSON.
fn weight(state: &TaskState) -> usize {
    const REST: usize = 220;
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let error = state.error.as_ref().map_or(0, |error| {
        error.kind.len() + text(&error.title) + text(&error.detail) + text(&error.instance) + 80
    });
    REST + state.reference.len() + state.name.len() + error
}

fn bounded(text: &str) -> String {
    if text.len() <= limits::TASK_TEXT_BYTES {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(limits::TASK_TEXT_BYTES)])
}

fn bounded_error(error: &WorkflowError) -> WorkflowError {
    let text = |text: &Option<String>| text.as_deref().map(bounded);
    WorkflowError {
        kind: bounded(&error.kind),
        status: error.status,
        title: text(&error.title),
        detail: text(&error.detail),
        instance: text(&error.instance),
    }
}

/// The word that a document uses for it.
fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::CallHttp(_) => "call",
        Kind::Do(_) => "do",
        Kind::Set(_) => "set",
        Kind::Switch(_) => "switch",
        Kind::Wait(_) => "wait",
    }
}
