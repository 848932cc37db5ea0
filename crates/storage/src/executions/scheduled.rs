//! Executions that schedules start: Temporal has them before they are recorded.

use serde_json::Value;
use tenantry_domain::{Execution, ExecutionId, ScheduleId, TemporalWorkflowId, Timestamp, Workflow};

use super::{columns, from_row, tables};
use crate::{Error, TenantTx};

/// An execution that a schedule has started.
#[derive(Clone, Copy, Debug)]
pub struct NewScheduled<'a> {
    /// Its id.
    pub id: ExecutionId,
    /// What started it.
    pub schedule: ScheduleId,
    /// What it runs.
    pub workflow: &'a Workflow,
    /// What it is started with.
    pub input: &'a Value,
    /// What it is called in Temporal.
    pub workflow_id: &'a TemporalWorkflowId,
    /// Its run there.
    pub run_id: &'a str,
}

/// Records an execution that runs already. Answers whether that is news.
pub async fn insert_scheduled(
    tx: &mut TenantTx,
    new: NewScheduled<'_>,
    now: Timestamp,
) -> Result<bool, Error> {
    let query = "insert into executions
             (id, organization_id, workflow_id, revision, temporal_workflow_id, first_run_id, run_id, status, input,
              started_at, checked_at, schedule_id)
         values ($1, $2, $3, $4, $5, $6, $6, 'running', $7::json, $8, $8, $9)
         on conflict (organization_id, temporal_workflow_id, first_run_id) where schedule_id is not null do nothing";
    let organization = tx.organization().uuid();
    let done = sqlx::query(query)
        .bind(new.id.uuid())
        .bind(organization)
        .bind(new.workflow.id.uuid())
        .bind(new.workflow.revision)
        .bind(new.workflow_id.as_str())
        .bind(new.run_id)
        .bind(new.input.to_string())
        .bind(now)
        .bind(new.schedule.uuid())
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The execution that was recorded for a run of a schedule.
pub async fn by_scheduled_run(
    tx: &mut TenantTx,
    workflow_id: &TemporalWorkflowId,
    run_id: &str,
) -> Result<Option<Execution>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        " from ",
        tables!(),
        " where executions.organization_id = $1 and executions.temporal_workflow_id = $2
            and executions.first_run_id = $3 and executions.schedule_id is not null"
    );
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(workflow_id.as_str())
        .bind(run_id)
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// Whether this execution was recorded for a schedule's workflow of this name.
pub async fn is_scheduled_as(
    tx: &mut TenantTx,
    execution: ExecutionId,
    workflow_id: &TemporalWorkflowId,
) -> Result<bool, Error> {
    let query = "select from executions
         where organization_id = $1 and id = $2 and temporal_workflow_id = $3 and schedule_id is not null";
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(execution.uuid())
        .bind(workflow_id.as_str())
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.is_some())
}
