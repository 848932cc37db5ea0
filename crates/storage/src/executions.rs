//! Executions of an organization's workflows, as recorded.

use serde_json::Value;
use sqlx::{PgConnection, QueryBuilder, Row as _, postgres::PgRow, types::Json};
use tenantry_domain::{
    Execution, ExecutionId, ExecutionStatus, Organization, OrganizationId, Page, PageRequest, Timestamp,
    UserId, Workflow, WorkflowName, execution::Outcome,
};

use crate::{
    Error, PlatformTx, Store, TenantTx, list, organizations,
    row::{id, id_if_any, word},
    workflows::reachable,
};

macro_rules! columns {
    () => {
        "executions.id, workflows.name as workflow, executions.revision, executions.run_id, executions.status,
         executions.input, executions.output, executions.error, executions.started_at, executions.ended_at,
         executions.started_by"
    };
}

/// Executions with the names of their workflows.
macro_rules! tables {
    () => {
        "executions join workflows
             on workflows.organization_id = executions.organization_id and workflows.id = executions.workflow_id"
    };
}

fn from_row(row: &PgRow) -> Result<Execution, sqlx::Error> {
    let json = |column| row.try_get::<Option<Json<Value>>, _>(column).map(|value| value.map(|json| json.0));
    Ok(Execution {
        id: id(row, "id", ExecutionId::from_uuid)?,
        workflow: row.try_get("workflow")?,
        revision: row.try_get("revision")?,
        run_id: row.try_get("run_id")?,
        status: word(row, "status")?,
        input: json("input")?,
        output: json("output")?,
        error: json("error")?,
        started_at: row.try_get("started_at")?,
        ended_at: row.try_get("ended_at")?,
        started_by: id_if_any(row, "started_by", UserId::from_uuid)?,
    })
}

/// Records the intent to execute a workflow.
///
/// # Errors
/// [`Conflict::ExecutionIdTaken`](crate::Conflict::ExecutionIdTaken).
pub async fn insert(
    tx: &mut TenantTx,
    execution: ExecutionId,
    workflow: &Workflow,
    input: &Value,
    now: Timestamp,
) -> Result<(), Error> {
    let (organization, started_by) =
        (tx.organization().uuid(), tx.scope().trail().actor.user().map(UserId::uuid));
    sqlx::query(
        "insert into executions (id, organization_id, workflow_id, revision, status, input, started_at, started_by)
         values ($1, $2, $3, $4, 'pending', $5::json, $6, $7)",
    )
    .bind(execution.uuid())
    .bind(organization)
    .bind(workflow.id.uuid())
    .bind(workflow.revision)
    .bind(input.to_string())
    .bind(now)
    .bind(started_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The execution with this id, if the scope's actor can reach its workflow.
pub async fn get(tx: &mut TenantTx, execution: ExecutionId) -> Result<Option<Execution>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from ",
        tables!(),
        " where executions.organization_id = $1 and executions.id = $2
            and ($3::text[] is null or workflows.name = any ($3))"
    );
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(execution.uuid())
        .bind(reachable(tx.scope()))
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// Which executions of a list are wanted; every condition that is there must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of this workflow.
    pub workflow: Option<WorkflowName>,
    /// Those in this state.
    pub status: Option<ExecutionStatus>,
    /// Those that were accepted at this moment or later.
    pub started_after: Option<Timestamp>,
    /// Those that were accepted before this moment.
    pub started_before: Option<Timestamp>,
}

/// The executions that the scope's actor can reach, newest first. What is larger than 4 KiB of an input, an output or an error is left out, so that a
/// page has a bound.
pub async fn list(tx: &mut TenantTx, filter: &Filter, page: PageRequest) -> Result<Page<Execution>, Error> {
    let select = concat!(
        "select executions.id, workflows.name as workflow, executions.revision, executions.run_id, executions.status,
             case when length(executions.input::text) <= 4096 then executions.input end as input,
             case when length(executions.output::text) <= 4096 then executions.output end as output,
             case when length(executions.error::text) <= 4096 then executions.error end as error,
             executions.started_at, executions.ended_at, executions.started_by
         from ",
        tables!(),
        " where executions.organization_id = "
    );
    let organization = tx.organization().uuid();
    let mut query = QueryBuilder::new(select);
    query.push_bind(organization).push(" and executions.id < ").push_bind(page.before());
    if let Some(workflow) = &filter.workflow {
        query
            .push(" and executions.workflow_id = (select id from workflows where organization_id = ")
            .push_bind(organization)
            .push(" and name = ")
            .push_bind(workflow.as_str())
            .push(")");
    }
    if let Some(status) = filter.status {
        query.push(" and executions.status = ").push_bind(status.as_str());
    }
    if let Some(after) = filter.started_after {
        query.push(" and executions.started_at >= ").push_bind(after);
    }
    if let Some(before) = filter.started_before {
        query.push(" and executions.started_at < ").push_bind(before);
    }
    if let Some(names) = reachable(tx.scope()) {
        query.push(" and workflows.name = any (").push_bind(names).push(")");
    }
    query.push(" order by executions.id desc");
    if filter.started_after.or(filter.started_before).is_some() {
        list::plan_for_arguments(tx.connection()).await?;
    }
    list::filtered(tx.connection(), query, page, from_row).await
}

/// Writes that Temporal has taken the execution. It may have ended since; then only the run id is news. Answers whether somebody
/// wants it to stop.
pub async fn mark_running(tx: &mut TenantTx, execution: ExecutionId, run_id: &str) -> Result<bool, Error> {
    let query = "update executions
         set run_id = $3, status = case when status = 'pending' then 'running' else status end
         where organization_id = $1 and id = $2
         returning cancel_requested_at is not null";
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(execution.uuid())
        .bind(run_id)
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

/// Writes how an execution ended, unless an end is written already.
pub async fn finish(
    tx: &mut TenantTx,
    execution: ExecutionId,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), Error> {
    let (status, output, error) = match outcome {
        Outcome::Completed(output) => (ExecutionStatus::Completed, Some(output), None),
        Outcome::Failed(error) => (ExecutionStatus::Failed, None, Some(error)),
        Outcome::Canceled => (ExecutionStatus::Canceled, None, None),
    };
    let query = "update executions set status = $3, output = $4::json, error = $5::json, ended_at = $6
         where organization_id = $1 and id = $2 and status in ('pending', 'running')";
    let organization = tx.organization().uuid();
    sqlx::query(query)
        .bind(organization)
        .bind(execution.uuid())
        .bind(status.as_str())
        .bind(output.map(Value::to_string))
        .bind(error.map(Value::to_string))
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Organizations that need a worker: active ones with an execution that has not ended, and suspended ones with an execution that
/// is to stop.
pub async fn organizations_with_work(store: &Store) -> Result<Vec<Organization>, Error> {
    let query = concat!(
        "select ",
        organizations::columns!(),
        " from organizations where (status = 'active' and id in (
              select organization_id from executions where status in ('pending', 'running')
          )) or (status = 'suspended' and id in (
              select organization_id from executions
              where status in ('pending', 'running') and cancel_requested_at is not null
          ))"
    );
    let rows = sqlx::query(query).fetch_all(store.platform_pool()).await?;
    Ok(rows.iter().map(organizations::from_row).collect::<Result<_, _>>()?)
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

/// Executions that are to stop and of which Temporal has not heard, up to a number.
pub async fn to_cancel(tx: &mut TenantTx, limit: i64) -> Result<Vec<ExecutionId>, Error> {
    let query = "select id from executions
         where organization_id = $1 and status in ('pending', 'running')
           and cancel_requested_at is not null and cancel_sent_at is null
         limit $2";
    let organization = tx.organization().uuid();
    let rows = sqlx::query(query).bind(organization).bind(limit).fetch_all(tx.connection()).await?;
    Ok(rows.iter().map(|row| id(row, "id", ExecutionId::from_uuid)).collect::<Result<_, _>>()?)
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

/// Executions that were recorded before `before` and are not in Temporal's hands yet, the oldest first, with the definitions they run.
pub async fn pending(
    tx: &mut TenantTx,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<(Execution, Value)>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        ", revisions.definition from ",
        tables!(),
        " join workflow_revisions as revisions
              on revisions.organization_id = executions.organization_id
             and revisions.workflow_id = executions.workflow_id and revisions.revision = executions.revision
          where executions.organization_id = $1 and executions.status = 'pending' and executions.started_at < $2
            and executions.cancel_requested_at is null
          order by executions.id limit $3"
    );
    let organization = tx.organization().uuid();
    let rows =
        sqlx::query(query).bind(organization).bind(before).bind(limit).fetch_all(tx.connection()).await?;
    let both = |row| Ok((from_row(row)?, row.try_get::<Json<Value>, _>("definition")?.0));
    Ok(rows.iter().map(both).collect::<Result<_, sqlx::Error>>()?)
}
