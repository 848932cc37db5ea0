//! Executions: workflows at work.

use clap::{Args, Subcommand};
use tenantry_client::{
    Timestamp,
    executions::{Filter, Signal, StartOwn, Terminate},
};

use super::run;
use crate::{connection::Session, failure::Failure, input::read_json, paging::Paging, watch};

const COLUMNS: &[&str] = &["id", "workflow", "revision", "workflow_type", "status", "started_at", "ended_at"];
const TASK_COLUMNS: &[&str] =
    &["reference", "type", "status", "attempt", "started_at", "ended_at", "error.detail"];
const HISTORY_COLUMNS: &[&str] = &["run_id", "event_id", "at", "type"];
/// What a table shows of one execution.
pub(super) const FIELDS: &[&str] = &[
    "id",
    "workflow",
    "revision",
    "workflow_type",
    "task_queue",
    "workflow_id",
    "run_id",
    "status",
    "status_reason",
    "input",
    "output",
    "error",
    "started_at",
    "ended_at",
    "started_by",
    "schedule",
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
    /// Show the tasks of one execution, and how far each has come
    #[command(after_help = "Example:\n  tenantry execution tasks exe_01k9…")]
    Tasks {
        /// Its id
        execution: String,
    },
    /// Watch one execution to its end: its tasks as they go, then the output alone
    #[command(after_help = "Example:
  tenantry execution watch exe_01k9…

Ctrl-C leaves the execution running and ends with status 130.")]
    Watch {
        /// Its id
        execution: String,
    },
    /// Show what happened in one execution, event by event, as Temporal remembers it
    #[command(after_help = "Example:\n  tenantry execution history exe_01k9… --all -o json")]
    History {
        /// Its id
        execution: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Start a workflow of a type that your own workers have
    #[command(
        after_help = "Example:\n  tenantry execution start --type Order --task-queue orders --input '{\"amount\": 3}'"
    )]
    Start(Start),
    /// Send a signal to an execution
    #[command(
        after_help = "Example:\n  tenantry execution signal exe_01k9… approve --input '{\"by\": \"Ada\"}'"
    )]
    Signal {
        /// Its id
        execution: String,
        /// The signal's name
        name: String,
        /// What comes with it: JSON, @FILE, or - for standard input
        #[arg(long, value_name = "JSON")]
        input: Option<String>,
    },
    /// Ask an execution to stop
    #[command(after_help = "Example:\n  tenantry execution cancel exe_01k9…")]
    Cancel {
        /// Its id
        execution: String,
    },
    /// End an execution without asking it
    #[command(after_help = "Example:\n  tenantry execution terminate exe_01k9… --reason 'a wrong order'")]
    Terminate {
        /// Its id
        execution: String,
        /// Why, for the record
        #[arg(long)]
        reason: Option<String>,
    },
}

/// A workflow of own workers to start.
#[derive(Args, Debug)]
pub(crate) struct Start {
    /// The workflow's type
    #[arg(long = "type", value_name = "TYPE")]
    workflow_type: String,
    /// Where your workers look for work
    #[arg(long, value_name = "NAME")]
    task_queue: String,
    /// What it works on: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// A workflow id of your own: the same start again is the first one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

/// Which executions to list.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Started by this schedule
    #[arg(long, value_name = "ID")]
    schedule: Option<String>,
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
            Self::List(List { workflow, schedule, status, started_after, started_before, paging }) => {
                let filter = Filter { workflow, schedule, status, started_after, started_before };
                let list = paging.fetch(executions.list(&filter)).await?;
                Ok(session.output.many(list, COLUMNS)?)
            }
            Self::Get { execution } => {
                let execution = executions.get(&execution).raw().send().await?;
                Ok(session.output.one(&execution, FIELDS)?)
            }
            Self::Tasks { execution } => {
                // There is one page, whatever limit is asked for.
                let tasks = executions.tasks(&execution).raw().page().await?.items;
                Ok(session.output.many(tasks, TASK_COLUMNS)?)
            }
            Self::Watch { execution } => {
                let execution = executions.get(&execution).send().await?;
                run::end(&session, &watch::to_the_end(&session, &execution).await?)
            }
            Self::History { execution, paging } => {
                let events = paging.fetch(executions.history(&execution)).await?;
                Ok(session.output.many(events, HISTORY_COLUMNS)?)
            }
            Self::Start(Start { workflow_type, task_queue, input, id }) => {
                let input = input.as_deref().map(read_json).transpose()?;
                let start = StartOwn { workflow_type, task_queue, workflow_id: id, input };
                let started = executions.start_own(&start).raw().send().await?;
                Ok(session.output.one(&started, FIELDS)?)
            }
            Self::Signal { execution, name, input } => {
                let input = input.as_deref().map(read_json).transpose()?;
                let signalled = executions.signal(&execution, &Signal { name, input }).raw().send().await?;
                Ok(session.output.one(&signalled, FIELDS)?)
            }
            Self::Cancel { execution } => {
                let canceled = executions.cancel(&execution).raw().send().await?;
                Ok(session.output.one(&canceled, FIELDS)?)
            }
            Self::Terminate { execution, reason } => {
                let terminated = executions.terminate(&execution, &Terminate { reason }).raw().send().await?;
                Ok(session.output.one(&terminated, FIELDS)?)
            }
        }
    }
}
