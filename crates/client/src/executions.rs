//! Executions: workflows at work.

mod events;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::events::{Change, Event, Events};
use crate::{Call, Client, List, Timestamp, list::rfc3339};

/// The routes of executions.
#[derive(Clone, Copy, Debug)]
pub struct Executions<'a>(pub(crate) &'a Client);

impl Executions<'_> {
    /// Starts a workflow.
    pub fn start(&self, workflow: &str, start: &Start) -> Call<Execution> {
        self.0.call(Method::POST, &["workflows", workflow, "executions"]).json(start)
    }

    /// Starts a workflow of a type that the organization's own workers have.
    pub fn start_own(&self, start: &StartOwn) -> Call<Execution> {
        self.0.call(Method::POST, &["executions"]).json(start)
    }

    /// One execution.
    pub fn get(&self, execution: &str) -> Call<Execution> {
        self.0.call(Method::GET, &["executions", execution])
    }

    /// The tasks of an execution, in the order in which they were entered.
    pub fn tasks(&self, execution: &str) -> List<Task> {
        List::new(self.0, &["executions", execution, "tasks"])
    }

    /// What happens to an execution and its tasks, as it happens, until it ends.
    pub fn events(&self, execution: &str) -> Events {
        Events::new(self.0, execution)
    }

    /// What happened in an execution, as Temporal remembers it; the oldest first.
    pub fn history(&self, execution: &str) -> List<HistoryEvent> {
        List::new(self.0, &["executions", execution, "history"])
    }

    /// Asks an execution to stop.
    pub fn cancel(&self, execution: &str) -> Call<Execution> {
        self.0.call(Method::POST, &["executions", execution, "cancel"])
    }

    /// Sends a signal to an execution.
    pub fn signal(&self, execution: &str, signal: &Signal) -> Call<Execution> {
        self.0.call(Method::POST, &["executions", execution, "signal"]).json(signal)
    }

    /// Ends an execution without asking it.
    pub fn terminate(&self, execution: &str, terminate: &Terminate) -> Call<Execution> {
        self.0.call(Method::POST, &["executions", execution, "terminate"]).json(terminate)
    }

    /// The executions that a filter lets through, the latest first.
    pub fn list(&self, filter: &Filter) -> List<Execution> {
        let parameters = [
            ("workflow", filter.workflow.clone()),
            ("schedule", filter.schedule.clone()),
            ("status", filter.status.clone()),
            ("started_after", filter.started_after.map(rfc3339)),
            ("started_before", filter.started_before.map(rfc3339)),
        ];
        List::new(self.0, &["executions"]).filters(parameters)
    }
}

/// How to start a workflow.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Start {
    /// What it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Which revision; the latest unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i32>,
    /// The execution's id, to choose it oneself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
}

/// How to start a workflow of own workers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StartOwn {
    /// Its type.
    pub workflow_type: String,
    /// Where those workers look for work.
    pub task_queue: String,
    /// Its workflow id in Temporal, to choose it oneself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// What it works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// A signal to send.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Signal {
    /// What the workflow knows it by.
    pub name: String,
    /// What comes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// How to end an execution.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Terminate {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which executions to list; all unless told.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this workflow.
    pub workflow: Option<String>,
    /// Started by this schedule.
    pub schedule: Option<String>,
    /// In this status.
    pub status: Option<String>,
    /// Started after this moment.
    pub started_after: Option<Timestamp>,
    /// Started before this moment.
    pub started_before: Option<Timestamp>,
}

/// One run of a workflow.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Execution {
    /// Names it for ever.
    pub id: String,
    /// The workflow it runs, if it is a definition.
    #[serde(default)]
    pub workflow: Option<String>,
    /// Which revision of it.
    #[serde(default)]
    pub revision: Option<i32>,
    /// The workflow type it runs, if it is one of own workers.
    #[serde(default)]
    pub workflow_type: Option<String>,
    /// Where those workers look for work.
    #[serde(default)]
    pub task_queue: Option<String>,
    /// Its workflow id in Temporal.
    #[serde(default)]
    pub workflow_id: Option<String>,
    /// Its run id in Temporal, once there is one.
    #[serde(default)]
    pub run_id: Option<String>,
    /// Where it is in its life.
    pub status: ExecutionStatus,
    /// What there is to say about the status.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// What it was started with.
    #[serde(default)]
    pub input: Value,
    /// What it returned.
    #[serde(default)]
    pub output: Value,
    /// What it failed with.
    #[serde(default)]
    pub error: Option<ExecutionError>,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// By whom it was started, if somebody still known.
    #[serde(default)]
    pub started_by: Option<String>,
    /// The schedule that started it, if one did.
    #[serde(default)]
    pub schedule: Option<String>,
}

/// A task that an execution has entered.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// Its place among the tasks that the execution has entered, from 1; 0 from a server that does not count.
    #[serde(default)]
    pub entry: u64,
    /// The place of its latest change among all changes of tasks, from 1; 0 from a server that does not count.
    #[serde(default)]
    pub change: u64,
    /// Which, as a JSON Pointer into the definition.
    pub reference: String,
    /// Its name.
    pub name: String,
    /// What it does.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is: `running`, `completed`, `skipped`, `failed`, or as the execution that it ended with.
    pub status: String,
    /// When it was entered.
    pub started_at: Timestamp,
    /// When it was left.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// Which attempt this is.
    #[serde(default)]
    pub attempt: u32,
    /// What it failed with.
    #[serde(default)]
    pub error: Option<ExecutionError>,
}

/// Something that happened in an execution.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct HistoryEvent {
    /// In which of its runs.
    pub run_id: String,
    /// Its number in that run, from 1.
    pub event_id: i64,
    /// When it happened, by Temporal's clock.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// What happened, in Temporal's word for it, such as `TimerFired`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What there is to say about it. What is large has `omitted_bytes` in its place.
    #[serde(default)]
    pub attributes: Value,
}

/// Where an execution is in its life.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExecutionStatus {
    /// Recorded, and not yet handed to Temporal.
    Pending,
    /// Temporal has it.
    Running,
    /// It ended with an output.
    Completed,
    /// It ended with an error.
    Failed,
    /// It was asked to stop, and did.
    Canceled,
    /// It was stopped without being asked.
    Terminated,
    /// It took longer than it may.
    TimedOut,
    /// A status that this version of the client does not know.
    #[serde(other)]
    Unknown,
}

impl ExecutionStatus {
    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled | Self::Terminated | Self::TimedOut)
    }
}

/// What an execution failed with, in the form of the definition language (RFC 7807).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct ExecutionError {
    /// A URI for the kind of error.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// A status in the manner of HTTP; the definition may choose it.
    #[serde(default)]
    pub status: Option<Value>,
    /// The kind of error in words.
    #[serde(default)]
    pub title: Option<String>,
    /// What happened this time.
    #[serde(default)]
    pub detail: Option<String>,
    /// The task that failed, as a JSON Pointer into the definition.
    #[serde(default)]
    pub instance: Option<String>,
}
