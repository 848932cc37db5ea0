//! What happens to an execution: Temporal takes it, somebody wants it to stop, it ends.

use serde_json::Value;
use sqlx::{PgConnection, Row as _};
use tenantry_domain::{ExecutionId, ExecutionStatus, OrganizationId, Timestamp, execution::Outcome};

use crate::{Error, PlatformTx, TenantTx, row::word};

/// What somebody wanted of an execution while it was being started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing: it may run.
    Run,
    /// That it stops.
    Cancel,
    /// That it is ended.
    Terminate,
}

/// Writes that Temporal has taken the execution. It may have ended since; then only the run id is news. Answers what somebody
/// wants of it.
pub async fn mark_running(
    tx: &mut TenantTx,
    execution: ExecutionId,
    (first_run_id, run_id): (&str, &str),
    now: Timestamp,
) -> Result<Wish, Error> {
    let query = "update executions
         set first_run_id = coalesce(first_run_id, $5), run_id = $3, checked_at = $4,
             status = case when status = 'pending' then 'running' else status end
         where organization_id = $1 and id = $2
         returning status, cancel_requested_at is not null as cancel";
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(execution.uuid())
        .bind(run_id)
        .bind(now)
        .bind(first_run_id)
        .fetch_optional(tx.connection())
        .await?;
    let Some(row) = row else { return Ok(Wish::Run) };
    Ok(match word(&row, "status")? {
        ExecutionStatus::Terminated => Wish::Terminate,
        _ if row.try_get("cancel")? => Wish::Cancel,
        _ => Wish::Run,
    })
}

/// Writes that an execution was found running, and in which run.
pub async fn mark_checked(
    tx: &mut TenantTx,
    execution: ExecutionId,
    run_id: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let query = "update executions set run_id = $3, checked_at = $4
         where organization_id = $1 and id = $2 and status = 'running'";
    let organization = tx.organization().uuid();
    sqlx::query(query)
        .bind(organization)
        .bind(execution.uuid())
        .bind(run_id)
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// The end of an execution.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// How it ended.
    pub outcome: &'a Outcome,
    /// When.
    pub at: Timestamp,
    /// The last run, if that may be news.
    pub run_id: Option<&'a str>,
    /// The states of its tasks, if they are known.
    pub tasks: Option<&'a Value>,
}

/// Writes how an execution ended, unless an end is written already.
pub async fn finish(tx: &mut TenantTx, execution: ExecutionId, end: End<'_>) -> Result<(), Error> {
    let (status, output, error, reason) = columns(end.outcome);
    // The clocks of two machines may differ: nothing ends before it has begun.
    let query = "update executions
         set status = $3, output = $4::json, error = $5::json, status_reason = $6, ended_at = greatest(started_at, $7),
             run_id = coalesce($8, run_id), tasks = coalesce($9::json, tasks)
         where organization_id = $1 and id = $2 and status in ('pending', 'running')";
    let organization = tx.organization().uuid();
    sqlx::query(query)
        .bind(organization)
        .bind(execution.uuid())
        .bind(status.as_str())
        .bind(output.map(Value::to_string))
        .bind(error.map(Value::to_string))
        .bind(reason)
        .bind(end.at)
        .bind(end.run_id)
        .bind(end.tasks.map(Value::to_string))
        .execute(tx.connection())
        .await?;
    Ok(())
}

type Columns<'a> = (ExecutionStatus, Option<&'a Value>, Option<&'a Value>, Option<&'a str>);

fn columns(outcome: &Outcome) -> Columns<'_> {
    use ExecutionStatus as Status;
    match outcome {
        Outcome::Completed(output) => (Status::Completed, Some(output), None, None),
        Outcome::CompletedUnread(why) => (Status::Completed, None, None, Some(why)),
        Outcome::Failed(error) => (Status::Failed, None, Some(error), None),
        Outcome::Canceled => (Status::Canceled, None, None, None),
        Outcome::Terminated(reason) => {
            (Status::Terminated, None, None, Some(reason.as_str()).filter(|reason| !reason.is_empty()))
        }
        Outcome::TimedOut => (Status::TimedOut, None, None, None),
    }
}

/// Notes that an execution is to stop. Answers whether that is news.
pub async fn request_cancel(
    tx: &mut TenantTx,
    execution: ExecutionId,
    now: Timestamp,
) -> Result<bool, Error> {
    let organization = tx.organization();
    Ok(note_cancel(tx.connection(), organization, Some(execution), now).await? > 0)
}

/// Notes that every execution of an organization is to stop.
pub async fn request_cancel_of_all(
    tx: &mut PlatformTx,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<(), Error> {
    note_cancel(tx.connection(), organization, None, now).await?;
    Ok(())
}

async fn note_cancel(
    connection: &mut PgConnection,
    organization: OrganizationId,
    execution: Option<ExecutionId>,
    now: Timestamp,
) -> Result<u64, Error> {
    let query = "update executions set cancel_requested_at = $3
         where organization_id = $1 and ($2::uuid is null or id = $2)
           and status in ('pending', 'running') and cancel_requested_at is null";
    let done = sqlx::query(query)
        .bind(organization.uuid())
        .bind(execution.map(ExecutionId::uuid))
        .bind(now)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Notes that Temporal has heard that an execution is to stop. One that Temporal never had has stopped with that.
pub async fn mark_cancel_sent(
    tx: &mut TenantTx,
    execution: ExecutionId,
    now: Timestamp,
) -> Result<(), Error> {
    let query = "update executions
         set cancel_sent_at = $3,
             status = case when status = 'pending' then 'canceled' else status end,
             ended_at = case when status = 'pending' then $3 else ended_at end
         where organization_id = $1 and id = $2";
    let organization = tx.organization().uuid();
    sqlx::query(query).bind(organization).bind(execution.uuid()).bind(now).execute(tx.connection()).await?;
    Ok(())
}
