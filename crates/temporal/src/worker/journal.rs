//! Where executions end, and where those begin that schedules start.

use std::{error::Error, pin::Pin};

use serde_json::Value;
use tenantry_domain::{ExecutionId, OrgScope, Revision, ScheduleId, TemporalWorkflowId, execution::Outcome};

/// A write under way, or a question.
pub type Recording<'a, T = ()> =
    Pin<Box<dyn Future<Output = Result<T, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// A run that a schedule has started in Temporal.
#[derive(Clone, Debug)]
pub struct ScheduledRun {
    /// The schedule that its name names.
    pub schedule: ScheduleId,
    /// What it is called.
    pub workflow_id: TemporalWorkflowId,
    /// The run.
    pub run_id: String,
    /// How often it was tried to record it, this time included.
    pub attempt: u32,
}

/// What becomes of it.
#[derive(Clone, Debug)]
pub enum ScheduledStart {
    /// It is an execution now, and runs.
    Run {
        /// Which.
        execution: ExecutionId,
        /// The name of the workflow.
        workflow: String,
        /// Which revision of it.
        revision: Revision,
        /// What it runs.
        definition: Value,
        /// What it is started with.
        input: Value,
    },
    /// It is recorded as an execution that has failed with this error, in the form of the definition language (RFC 7807).
    Failed(Value),
    /// It has to wait a little, and to ask again.
    Later,
    /// There is no such schedule any more, so it is nothing.
    Gone,
}

/// How an execution ended.
#[derive(Clone, Debug)]
pub struct Ending {
    /// What came of it.
    pub outcome: Outcome,
    /// The states of its tasks, if they are known: a list of JSON objects within the limits of [`tenantry_dsl::limits`].
    pub tasks: Option<Value>,
    /// The last of its runs, if it is known.
    pub run_id: Option<String>,
}

/// What hosted workers ask of the rest of the deployment: it writes down how executions begin that schedules start, and how all ended.
///
/// It is called at least once for each of them, and again until it succeeds, so writing the same twice must be the same as writing it
/// once.
pub trait ExecutionJournal: Send + Sync + 'static {
    /// How many activities of the organization may be under way on this node, at least one.
    fn activity_limit<'a>(&'a self, scope: &'a OrgScope) -> Recording<'a, u32>;

    /// Writes down that a schedule of the organization has started something, as an execution.
    fn record_start<'a>(&'a self, scope: &'a OrgScope, run: ScheduledRun) -> Recording<'a, ScheduledStart>;

    /// Writes down how the organization's execution ended. That there is no such execution, or that it is not the one that Temporal calls
    /// `workflow_id`, is not an error.
    fn record_outcome<'a>(
        &'a self,
        scope: &'a OrgScope,
        execution: ExecutionId,
        workflow_id: TemporalWorkflowId,
        ending: Ending,
    ) -> Recording<'a>;
}
