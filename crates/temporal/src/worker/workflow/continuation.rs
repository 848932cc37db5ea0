//! How an execution goes on in another run of its workflow, so that no history grows without end.
//!
//! | when | the next run takes up |
//! |---|---|
//! | the history is long, and something is to be waited for | the commands that are outstanding; none has been sent yet |
//! | the history is long, and the interpreter pauses | the task before which it paused |
//! | the interpreter pauses because the portion cost much | the same |
//!
//! The last keeps histories free of places that another version of the evaluator would not find again. What Temporal could not hold
//! as the input of a run goes on in the same.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use temporalio_sdk::WorkflowContext;
use tenantry_domain::Timestamp;
use tenantry_dsl::{
    Definition, ErrorType, WorkflowError,
    interpreter::{Event, Interpreter, Pause, Progress, Snapshot, Start},
    json::Json,
};

use super::{HostedWorkflow, advance, now, with};
use crate::worker::payload::fits;

/// From how many events on a history is long. Temporal ends an execution at 51,200, and suggests to go on in a new run at 4,096 or
/// 4 MiB; to play a history back takes the longer the longer it is.
const HISTORY_EVENTS: u32 = 1_000;
/// Whether the run gives way to another, in a name for each length: what was too long already when this was unknown is asked again when it
/// is longer.
const CONTINUES: &str = "tenantry.continues.v1";

/// What an execution is started with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HostedInput {
    pub(crate) workflow: String,
    /// What a schedule starts has none: the latest is read when it begins, with the schedule's input.
    #[serde(default, deserialize_with = "plain_if_any", skip_serializing_if = "Option::is_none")]
    pub(crate) definition: Option<Value>,
    #[serde(default, deserialize_with = "plain")]
    pub(crate) input: Value,
}

/// What a run of it is started with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum HostedRun {
    /// The first, which is all that there once was.
    Begins(HostedInput),
    /// A later one. It has a form of its own, so that a server that does not know of it leaves it to one that does, instead of
    /// beginning anew.
    Continues {
        /// What the run before has come to.
        continued: Box<Continued>,
    },
}

/// What a run has come to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Continued {
    workflow: String,
    #[serde(deserialize_with = "plain")]
    definition: Value,
    #[serde(deserialize_with = "plain")]
    input: Value,
    /// What it was recorded as, if a schedule had started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    execution: Option<String>,
    started_at: Timestamp,
    state: Snapshot,
}

/// How the workflow knows which execution it is.
#[derive(Clone)]
pub(super) enum Named {
    /// By its own name.
    ByWorkflow,
    /// By what was recorded when a schedule had started it.
    ByRecord(String),
}

/// What runs, and as which execution.
pub(super) struct Program {
    pub(super) execution: Named,
    pub(super) workflow: String,
    pub(super) definition: Value,
    pub(super) input: Value,
    pub(super) started_at: Timestamp,
    /// What the run before has come to.
    pub(super) state: Option<Snapshot>,
}

/// What all runs of an execution share beside the interpreter's own.
pub(super) struct Origin {
    execution: Named,
    workflow: String,
    started_at: Timestamp,
}

impl From<Box<Continued>> for Program {
    fn from(continued: Box<Continued>) -> Self {
        let Continued { workflow, definition, input, execution, started_at, state } = *continued;
        let execution = execution.map_or(Named::ByWorkflow, Named::ByRecord);
        Self { execution, workflow, definition, input, started_at, state: Some(state) }
    }
}

impl From<HostedInput> for HostedRun {
    fn from(input: HostedInput) -> Self {
        Self::Begins(input)
    }
}

/// Begins, or takes up what the run before has come to.
pub(super) fn take_up(
    ctx: &WorkflowContext<HostedWorkflow>,
    program: Program,
) -> Result<(Origin, Progress), WorkflowError> {
    let Program { execution, workflow, definition, input, started_at, state } = program;
    let definition = Definition::from_value(definition).map_err(|_| {
        WorkflowError::new(ErrorType::Configuration, "this version of the server cannot run the definition")
    })?;
    let execution_id = match &execution {
        Named::ByWorkflow => ctx.workflow_id().to_owned(),
        Named::ByRecord(execution) => execution.clone(),
    };
    let start = Start { execution_id, input, started_at };
    let evaluator = ctx.state(|state| Arc::clone(&state.evaluator));
    let is_first = state.is_none();
    let interpreter = match state {
        None => Interpreter::new(definition, evaluator, start),
        Some(state) => Interpreter::restore(definition, evaluator, start, state)?,
    };
    let outstanding = interpreter.outstanding(now(ctx));
    ctx.state_mut(|state| state.interpreter = Some(interpreter));
    let progress = if is_first {
        advance(ctx, Event::Started)
    } else if outstanding.is_empty() {
        advance(ctx, Event::Resumed)
    } else {
        Progress::Waiting(outstanding)
    };
    Ok((Origin { execution, workflow, started_at }, progress))
}

impl Origin {
    /// What is to go on instead of this run, which is about to wait, if its history is long.
    pub(super) fn next_run(&self, ctx: &WorkflowContext<HostedWorkflow>) -> Option<Box<HostedRun>> {
        if !is_long(ctx) || !ctx.patched(&format!("{CONTINUES}.{}", ctx.history_length() / HISTORY_EVENTS)) {
            return None;
        }
        self.continued(ctx)
    }

    /// What is to go on instead of this run, which pauses.
    pub(super) fn next_run_after(
        &self,
        ctx: &WorkflowContext<HostedWorkflow>,
        pause: Pause,
    ) -> Option<Box<HostedRun>> {
        if pause == Pause::Tasks && !is_long(ctx) {
            return None;
        }
        self.continued(ctx)
    }

    fn continued(&self, ctx: &WorkflowContext<HostedWorkflow>) -> Option<Box<HostedRun>> {
        // It is about to end, and the request would not reach the next run.
        if ctx.cancellation_token().is_cancelled() {
            return None;
        }
        let execution = match &self.execution {
            Named::ByWorkflow => None,
            Named::ByRecord(execution) => Some(execution.clone()),
        };
        let (workflow, started_at) = (self.workflow.clone(), self.started_at);
        let continued = with(ctx, |interpreter| {
            let (definition, input) = (interpreter.definition().json().clone(), interpreter.input().clone());
            let state = interpreter.snapshot()?;
            Some(Continued { workflow, definition, input, execution, started_at, state })
        })??;
        let run = HostedRun::Continues { continued: Box::new(continued) };
        fits(&run).then(|| Box::new(run))
    }
}

fn is_long(ctx: &WorkflowContext<HostedWorkflow>) -> bool {
    ctx.continue_as_new_suggested() || ctx.history_length() >= HISTORY_EVENTS
}

fn plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Json::deserialize(deserializer).map(|Json(value)| value)
}

fn plain_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    plain(deserializer).map(Some)
}
