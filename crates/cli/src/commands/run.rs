//! Starting a workflow, and waiting for its output.

use clap::Args;
use tenantry_client::{
    Error,
    executions::{Execution, ExecutionError, ExecutionStatus, Start},
};
use tenantry_domain::{Clock as _, ExecutionId, SystemClock};

use crate::{
    commands::execution::FIELDS,
    connection::Session,
    failure::{Exit, Failure},
    input::read_json,
    output::one_line,
    poll,
    progress::Progress,
    watch::{self, word},
};

/// A workflow to start.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tenantry run quote --input '{\"amount\": 3}' --wait
  tenantry run quote --input @order.json

With --wait, Ctrl-C leaves the execution running and ends with status 130; `tenantry execution watch` comes back to it.")]
pub(crate) struct Run {
    /// The workflow's name
    workflow: String,
    /// What it works on: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Which revision [default: the latest]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    revision: Option<i32>,
    /// An id of your own for the execution
    #[arg(long, value_name = "ID")]
    execution_id: Option<String>,
    /// Wait for the end, show how it goes, and print the output alone
    #[arg(long)]
    wait: bool,
}

impl Run {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let input = self.input.as_deref().map(read_json).transpose()?;
        if !self.wait {
            let start = Start { input, revision: self.revision, execution_id: self.execution_id };
            let call = session.client.executions().start(&self.workflow, &start);
            return Ok(session.output.one(&call.raw().send().await?, FIELDS)?);
        }
        // With an id of ours the same start can be asked for again: it happens once.
        let id = self.execution_id.unwrap_or_else(|| ExecutionId::generate(SystemClock.now()).to_string());
        let start = Start { input, revision: self.revision, execution_id: Some(id) };
        let started = begin(&session, &self.workflow, &start).await?;
        if started.status.is_final() {
            return end(&session, &started);
        }
        end(&session, &watch::to_the_end(&session, &started).await?)
    }
}

/// Starts it. If the server goes away before it has answered, asks again when it is back.
async fn begin(session: &Session, workflow: &str, start: &Start) -> Result<Execution, Error> {
    let ask = async || session.client.executions().start(workflow, start).send().await;
    match ask().await {
        Err(Error::Unreachable { source, .. }) if !source.is_connect() => {
            poll::until(&Progress::new(), ask, |_| true).await
        }
        answered => answered,
    }
}

/// Prints the output of an execution that has ended.
pub(super) fn end(session: &Session, execution: &Execution) -> Result<(), Failure> {
    match execution.status {
        ExecutionStatus::Completed => Ok(session.output.value(&execution.output)?),
        _ => Err(ended_badly(execution)),
    }
}

fn ended_badly(execution: &Execution) -> Failure {
    let how = match execution.status {
        ExecutionStatus::Canceled => "was canceled",
        ExecutionStatus::Terminated => "was terminated",
        ExecutionStatus::TimedOut => "took longer than it may",
        _ => "failed",
    };
    let details = execution.error.as_ref().map(error_lines).unwrap_or_default();
    Failure::new(Exit::Failed, word(execution.status), format!("{} {how}", execution.id))
        .with_details(details)
}

fn error_lines(error: &ExecutionError) -> Vec<String> {
    let status = error.status.as_ref().map(ToString::to_string);
    let members = [
        ("type", error.kind.as_ref()),
        ("status", status.as_ref()),
        ("title", error.title.as_ref()),
        ("detail", error.detail.as_ref()),
        ("instance", error.instance.as_ref()),
    ];
    let line = |(name, value): (&str, Option<&String>)| Some(format!("  {name}: {}", one_line(value?)));
    members.into_iter().filter_map(line).collect()
}
