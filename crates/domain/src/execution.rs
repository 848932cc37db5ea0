//! Executions: workflows at work.

use std::borrow::Cow;

use serde_json::Value;

use crate::{ExecutionId, Revision, ScheduleId, TaskQueueName, Timestamp, UserId, field::words};

mod events;
mod history;
mod names;

pub use events::{EventPlace, NoEvent};
pub use history::{HistoryEvent, HistoryPlace, NoPlace};
pub use names::{
    HOSTED_TASK_QUEUE, MAX_CHARACTERS, SignalName, TemporalWorkflowId, TerminationReason, WorkflowType,
};

words!(
    /// Where an execution is in its life.
    ///
    /// | from | to |
    /// |---|---|
    /// | `pending` | `running`, or any end |
    /// | `running` | `completed`, `failed`, `canceled`, `terminated`, `timed_out` |
    ExecutionStatus {
        /// Recorded, and not yet handed to Temporal.
        Pending = "pending",
        /// Temporal has it.
        Running = "running",
        /// It ended with an output.
        Completed = "completed",
        /// It ended with an error.
        Failed = "failed",
        /// It was asked to stop, and did.
        Canceled = "canceled",
        /// It was stopped without being asked.
        Terminated = "terminated",
        /// It took longer than it may.
        TimedOut = "timed_out",
    }
);

impl ExecutionStatus {
    /// Whether nothing will change any more.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// What an execution runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A definition, on the hosted worker.
    Definition {
        /// The name of the workflow.
        workflow: String,
        /// Which revision of it, from start to end.
        revision: Revision,
    },
    /// A workflow type of the organization's own workers.
    Own {
        /// Which.
        workflow_type: WorkflowType,
        /// Where those workers look for work.
        task_queue: TaskQueueName,
    },
}

impl Work {
    /// Whether the organization's own workers do it.
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Own { .. })
    }
}

/// One run of a workflow, as recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Names it.
    pub id: ExecutionId,
    /// What it runs.
    pub work: Work,
    /// Names it in Temporal.
    pub workflow_id: TemporalWorkflowId,
    /// The id of its first run in Temporal, once there is one.
    pub first_run_id: Option<String>,
    /// The id of its run in Temporal, once there is one: of the latest, if the workflow continued as a new one.
    pub run_id: Option<String>,
    /// Where it is in its life.
    pub status: ExecutionStatus,
    /// What there is to say about the status, if anything.
    pub status_reason: Option<String>,
    /// What it was started with; absent in a list when it is large.
    pub input: Option<Value>,
    /// What it returned; absent in a list when it is large.
    pub output: Option<Value>,
    /// What it failed with, in the form of the definition language (RFC 7807).
    pub error: Option<Value>,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When Temporal was last asked about it, while it runs.
    pub checked_at: Option<Timestamp>,
    /// By whom: a user of the organization, or an admin. Nobody, for what a schedule starts.
    pub started_by: Option<UserId>,
    /// The schedule that started it, if one did. It may be gone since.
    pub schedule: Option<ScheduleId>,
}

impl Execution {
    /// How Temporal knows it.
    pub fn handle(&self) -> Handle {
        Handle {
            id: self.id,
            workflow_id: self.workflow_id.clone(),
            first_run_id: self.first_run_id.clone(),
            run_id: self.run_id.clone(),
        }
    }
}

/// How Temporal knows an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle {
    /// The execution.
    pub id: ExecutionId,
    /// Its workflow.
    pub workflow_id: TemporalWorkflowId,
    /// Its first run, once there is one. It tells those that follow from another workflow that took the same id.
    pub first_run_id: Option<String>,
    /// The latest of its runs that is known.
    pub run_id: Option<String>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With an output.
    Completed(Value),
    /// With an output that is not kept, and why.
    CompletedUnread(Cow<'static, str>),
    /// With an error, in the form of the definition language (RFC 7807).
    Failed(Value),
    /// Because somebody asked it to stop.
    Canceled,
    /// Because somebody stopped it, for this reason.
    Terminated(String),
    /// Because it took longer than it may.
    TimedOut,
}
