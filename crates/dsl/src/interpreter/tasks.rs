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
    /// Its place among the tasks that the execution has entered, from 1. It names it in the execution.
    #[serde(default)]
    pub entry: u64,
    /// The place of its latest change among all changes of the execution's tasks, from 1. To be entered is one, and to be left.
    #[serde(default)]
    pub change: u64,
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
    #[serde(default)]
    changes: u64,
    #[serde(skip)]
    bytes: usize,
}

impl TaskLog {
    /// The same, when it was read from what was written down.
    pub(super) fn weighed(mut self) -> Self {
        self.bytes = self.states().map(weight).sum();
        if self.changes == 0 {
            self.count();
        }
        self
    }

    /// Numbers what was written down when nobody counted yet. Those that still run have changed last, so that they are told once more.
    fn count(&mut self) {
        for (id, state) in &mut self.entries {
            state.entry = id.0 + 1;
        }
        for running in [false, true] {
            let states = self.entries.iter_mut().map(|(_, state)| state);
            for state in states.filter(|state| (state.status == TaskStatus::Running) == running) {
                self.changes += 1;
                state.change = self.changes;
            }
        }
    }

    fn next_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    /// Notes that a task was entered.
    pub(super) fn enter(&mut self, task: &Task, now: DateTime<Utc>) -> EntryId {
        let id = EntryId(self.entered);
        self.entered += 1;
        let state = TaskState {
            entry: self.entered,
            change: self.next_change(),
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
        let change = self.next_change();
        let entry = self.entries.iter_mut().rev().find(|(known, _)| *known == id);
        if let Some((_, state)) = entry {
            (state.change, state.status, state.ended_at) = (change, status, Some(now));
        }
    }

    /// Notes that nothing runs any more.
    pub(super) fn end(&mut self, status: TaskStatus, error: Option<&WorkflowError>, now: DateTime<Utc>) {
        let mut error = error.map(bounded_error);
        for (_, state) in self.entries.iter_mut().rev() {
            if state.status == TaskStatus::Running {
                let before = weight(state);
                self.changes += 1;
                (state.change, state.status, state.ended_at) = (self.changes, status, Some(now));
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
    const REST: usize = 250;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What was written down before changes were counted.
    fn uncounted() -> TaskLog {
        let state = |name: &str, status: &str| {
            json!({
                "reference": format!("/do/0/{name}"), "name": name, "type": "set", "status": status,
                "started_at": "2026-01-31T12:00:00Z", "ended_at": null, "attempt": 1, "error": null,
            })
        };
        let entries =
            json!([[7, state("outer", "running")], [8, state("a", "completed")], [9, state("b", "running")]]);
        serde_json::from_value(json!({ "entries": entries, "entered": 10 })).expect("a log")
    }

    #[test]
    fn should_count_on_from_what_was_written_down_when_nobody_counted() {
        let mut log = uncounted().weighed();
        let numbers = |log: &TaskLog| -> Vec<_> {
            log.states().map(|state| (state.name.clone(), state.entry, state.change)).collect()
        };
        let name = str::to_owned;
        assert_eq!(numbers(&log), [(name("outer"), 8, 2), (name("a"), 9, 1), (name("b"), 10, 3)]);
        log.leave(EntryId(9), TaskStatus::Completed, DateTime::UNIX_EPOCH);
        assert_eq!(numbers(&log)[2], (name("b"), 10, 4));
        let written = serde_json::to_value(&log).expect("JSON");
        let restored = serde_json::from_value::<TaskLog>(written).expect("a log").weighed();
        assert_eq!(restored, log, "it is counted once");
    }
}
