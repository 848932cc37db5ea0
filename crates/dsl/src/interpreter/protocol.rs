//! What goes into the interpreter and what comes out of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Pause;
use crate::{HttpRequest, HttpResponse, WorkflowError};

/// What an execution starts with.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Names the execution: `$workflow.id`.
    pub execution_id: String,
    /// The raw input: `$workflow.input`.
    pub input: Value,
    /// When it started: `$workflow.startedAt`.
    pub started_at: DateTime<Utc>,
}

/// Names a command of one execution. Ids count from 0 in the order of the commands, so they are the same on every replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub u32);

/// What has happened outside.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The execution begins. It comes first, once.
    Started,
    /// The execution goes on after a [pause](Progress::Paused).
    Resumed,
    /// A command is done.
    Finished {
        /// Which.
        id: CommandId,
        /// What came of it. An error that has no instance is given the task's.
        outcome: Result<Outcome, WorkflowError>,
    },
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// A response to a [`Command::CallHttp`], whatever its status.
    Http(HttpResponse),
    /// The time of a [`Command::StartTimer`] is over.
    Elapsed,
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Make an HTTP request.
    CallHttp {
        /// Names the command in its [`Event::Finished`].
        id: CommandId,
        /// The task that wants it, as a JSON Pointer into the definition.
        task: String,
        /// The request.
        request: HttpRequest,
    },
    /// Let time pass.
    StartTimer {
        /// Names the command in its [`Event::Finished`].
        id: CommandId,
        /// The task that wants it, as a JSON Pointer into the definition.
        task: String,
        /// How long; zero is possible.
        duration: Duration,
    },
}

/// How far an execution has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It waits for commands. These are the new ones; earlier ones may be outstanding too.
    Waiting(Vec<Command>),
    /// It could go on at once, and wants to be resumed when others have had their turn.
    Paused(Pause),
    /// It ended with this output.
    Completed(Value),
    /// It ended with this error.
    Failed(WorkflowError),
}
