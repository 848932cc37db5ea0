//! Executions: workflows at work.

use clap::{Args, Subcommand};
use tenantry_client::{Timestamp, executions::Filter};

use crate::{connection::Session, failure::Failure, paging::Paging};

const COLUMNS: &[&str] = &["id", "workflow", "revision", "status", "started_at", "ended_at"];
/// What a table shows of one execution.
pub(super) const FIELDS: &[&str] = &[
    "id",
    "workflow",
    "revision",
    "workflow_id",
    "run_id",
    "status",
    "input",
    "output",
    "error",
    "started_at",
    "ended_at",
    "started_by",
];

/// What to do with executions.
#[derive(Debug, Subcommand)]
pub(crate) enum Execution {
    /// List executions
    #[command(after_help = "Example:\n  tenantry execution list --workflow quote --status failed")]
    List(List),
    /// Show one execution, with its output or error
    #[command(after_help = "Example:\n  tenantry execution get exe_01k9… -o json")]
    Get {
        /// Its id
        execution: String,
    },
    /// Ask an execution to stop
    #[command(after_help = "Example:\n  tenantry execution cancel exe_01k9…")]
    Cancel {
        /// Its id
        execution: String,
    },
}

/// Which executions to list.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// In this status
    #[arg(long)]
    #[arg(value_parser = ["pending", "running", "completed", "failed", "canceled", "terminated", "timed_out"])]
    status: Option<String>,
    /// Started after this moment, in RFC 3339
    #[arg(long, value_name = "TIME")]
    started_after: Option<Timestamp>,
    /// Started before this moment, in RFC 3339
    #[arg(long, value_name = "TIME")]
    started_before: Option<Timestamp>,
    #[command(flatten)]
    paging: Paging,
}

impl Execution {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let executions = session.client.executions();
        match self {
            Self::List(List { workflow, status, started_after, started_before, paging }) => {
                let filter = Filter { workflow, status, started_after, started_before };
                let list = paging.fetch(executions.list(&filter)).await?;
                Ok(session.output.many(list, COLUMNS)?)
            }
            Self::Get { execution } => {
                let execution = executions.get(&execution).raw().send().await?;
                Ok(session.output.one(&execution, FIELDS)?)
            }
            Self::Cancel { execution } => {
                let canceled = executions.cancel(&execution).raw().send().await?;
                Ok(session.output.one(&canceled, FIELDS)?)
            }
        }
    }
}
