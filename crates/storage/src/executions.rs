//! Executions of an organization's workflows, as recorded.

use serde_json::Value;
use sqlx::{Row as _, postgres::PgRow, types::Json};
use tenantry_domain::{
    Execution, ExecutionId, ExecutionStatus, Organization, Timestamp, UserId, Workflow, WorkflowName,
    execution::Outcome,
};

use crate::{
    Error, Page, PageRequest, Store, TenantTx, organizations,
    row::{id, id_if_any, word},
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
        input: row.try_get::<Json<Value>, _>("input")?.0,
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
    let (organization, started_by) = (tx.organization().uuid(), tx.scope().actor().user().map(UserId::uuid));
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

/// The execution with this id.
pub async fn get(tx: &mut TenantTx, execution: ExecutionId) -> Result<Option<Execution>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from ",
        tables!(),
        " where executions.organization_id = $1 and executions.id = $2"
    );
    let organization = tx.organization().uuid();
    let row =
        sqlx::query(query).bind(organization).bind(execution.uuid()).fetch_optional(tx.connection()).await?;
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

/// The organization's executions, newest first.
pub async fn list(tx: &mut TenantTx, filter: &Filter, page: PageRequest) -> Result<Page<Execution>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from ",
        tables!(),
        " where executions.organization_id = $1 and executions.id < $2
            and ($3::text is null or workflows.name = $3)
            and ($4::text is null or executions.status = $4)
            and ($5::timestamptz is null or executions.started_at >= $5)
            and ($6::timestamptz is null or executions.started_at < $6)
          order by executions.id desc limit $7"
    );
    let organization = tx.organization().uuid();
    let rows = sqlx::query(query)
        .bind(organization)
        .bind(page.before())
        .bind(filter.workflow.as_ref().map(WorkflowName::as_str))
        .bind(filter.status.map(ExecutionStatus::as_str))
        .bind(filter.started_after)
        .bind(filter.started_before)
        .bind(page.fetch())
        .fetch_all(tx.connection())
        .await?;
    Ok(page.page(rows.iter().map(from_row).collect::<Result<_, _>>()?))
}

/// Writes that Temporal has taken the execution. It may have ended since; then only the run id is news.
pub async fn mark_running(tx: &mut TenantTx, execution: ExecutionId, run_id: &str) -> Result<(), Error> {
    let query = "update executions
         set run_id = $3, status = case when status = 'pending' then 'running' else status end
         where organization_id = $1 and id = $2";
    let organization = tx.organization().uuid();
    sqlx::query(query)
        .bind(organization)
        .bind(execution.uuid())
        .bind(run_id)
        .execute(tx.connection())
        .await?;
    Ok(())
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

/// Active organizations that have an execution which has not ended: those that need a worker.
pub async fn organizations_with_work(store: &Store) -> Result<Vec<Organization>, Error> {
    let query = concat!(
        "select ",
        organizations::columns!(),
        " from organizations where status = 'active' and id in (
              select organization_id from executions where status in ('pending', 'running')
          )"
    );
    let rows = sqlx::query(query).fetch_all(store.platform_pool()).await?;
    Ok(rows.iter().map(organizations::from_row).collect::<Result<_, _>>()?)
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
          order by executions.id limit $3"
    );
    let organization = tx.organization().uuid();
    let rows =
        sqlx::query(query).bind(organization).bind(before).bind(limit).fetch_all(tx.connection()).await?;
    let both = |row| Ok((from_row(row)?, row.try_get::<Json<Value>, _>("definition")?.0));
    Ok(rows.iter().map(both).collect::<Result<_, sqlx::Error>>()?)
}
