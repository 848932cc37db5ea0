//! Executions: workflows at work.

use serde_json::Value;

use crate::{ExecutionId, Revision, Timestamp, UserId, field::words};

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

/// One run of a workflow, as recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Names it; its text is the Temporal workflow id.
    pub id: ExecutionId,
    /// The name of the workflow it runs.
    pub workflow: String,
    /// Which revision of it, from start to end.
    pub revision: Revision,
    /// The Temporal run id, once there is one.
    pub run_id: Option<String>,
    /// Where it is in its life.
    pub status: ExecutionStatus,
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
    /// By whom: a user of the organization, or an admin. Nobody, for what was there before there were users.
    pub started_by: Option<UserId>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With an output.
    Completed(Value),
    /// With an error, in the form of the definition language (RFC 7807).
    Failed(Value),
    /// Because somebody asked it to stop.
    Canceled,
}
