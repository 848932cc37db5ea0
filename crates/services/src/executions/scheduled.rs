//! What schedules start: Temporal has it first, and asks what it is. Recorded as an execution, it is one like all others.

use serde_json::json;
use tenantry_domain::{
    Execution, ExecutionId, OrgScope, OrganizationStatus, Quota, Work, WorkflowName,
    audit::{self as domain_audit, Action, Event, Resource},
    execution::Outcome,
    quota::Exceeded,
};
use tenantry_dsl::{ErrorType, WorkflowError};
use tenantry_storage::{
    Access, Doors as _, TenantTx, Transaction as _, audit,
    executions::{self, End, NewScheduled},
    organizations, schedules, workflows,
};
use tenantry_temporal::{ScheduledRun, ScheduledStart};

use super::{Journal, reserve_start};
use crate::Error;

/// How often a start waits for its second before it counts as one too many: for a minute and a half, as the hosted worker asks.
const PATIENCE: u32 = 12;

impl Journal {
    /// Records what a schedule has started, in the latest revision of its workflow. One too many is recorded as failed.
    pub(super) async fn start(&self, scope: &OrgScope, run: &ScheduledRun) -> Result<ScheduledStart, Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        if let Some(before) = executions::by_scheduled_run(&mut tx, &run.workflow_id, &run.run_id).await? {
            return again(&mut tx, before).await;
        }
        match organizations::own(&mut tx).await?.status {
            OrganizationStatus::Active => {}
            status => return Err(Error::OrganizationNot(status)),
        }
        let Some(schedule) = schedules::get(&mut tx, run.schedule).await? else {
            return Ok(ScheduledStart::Gone);
        };
        let name = WorkflowName::parse(&schedule.workflow)?;
        let workflow = workflows::get(&mut tx, &name, None).await?.ok_or(Error::NotFound("workflow"))?;
        let exceeded = match reserve_start(&mut tx, now).await {
            Err(Error::QuotaExceeded(exceeded)) if may_wait(&exceeded, run) => {
                return Ok(ScheduledStart::Later);
            }
            Err(Error::QuotaExceeded(exceeded)) => Some(exceeded),
            reserved => reserved.map(|()| None)?,
        };
        let (id, input) = (ExecutionId::generate(now), schedule.input.unwrap_or_default());
        let new = NewScheduled {
            id,
            schedule: schedule.id,
            workflow: &workflow,
            input: &input,
            workflow_id: &run.workflow_id,
            run_id: &run.run_id,
        };
        if !executions::insert_scheduled(&mut tx, new, now).await? {
            // Somebody records it at this moment.
            return Ok(ScheduledStart::Later);
        }
        let error = exceeded.as_ref().map(error);
        let mut event = Event::done(Action::ExecutionStart, Resource::Execution(id)).with_changes(
            json!({ "workflow": workflow.name, "revision": workflow.revision, "schedule": schedule.id }),
        );
        if let Some(error) = &error {
            let outcome = Outcome::Failed(error.clone());
            let end = End { outcome: &outcome, at: now, run_id: None, tasks: None };
            executions::finish(&mut tx, id, end).await?;
            event.outcome = domain_audit::Outcome::Failed;
        }
        audit::record(&mut tx, now, event).await?;
        tx.commit().await?;
        Ok(error.map_or(
            ScheduledStart::Run {
                execution: id,
                workflow: workflow.name,
                revision: workflow.revision,
                definition: workflow.definition,
                input,
            },
            ScheduledStart::Failed,
        ))
    }
}

/// Whether there may be room in a second.
fn may_wait(exceeded: &Exceeded, run: &ScheduledRun) -> bool {
    exceeded.quota == Quota::StartsPerSecond && run.attempt < PATIENCE
}

fn error(exceeded: &Exceeded) -> serde_json::Value {
    json!(WorkflowError::new(ErrorType::Runtime, exceeded.to_string()))
}

/// What a run is that was recorded before.
async fn again(tx: &mut TenantTx, before: Execution) -> Result<ScheduledStart, Error> {
    if before.status.is_final() {
        let ended = || json!(WorkflowError::new(ErrorType::Runtime, "the execution has ended"));
        return Ok(ScheduledStart::Failed(before.error.unwrap_or_else(ended)));
    }
    let Work::Definition { workflow, revision } = before.work else { return Ok(ScheduledStart::Gone) };
    let name = WorkflowName::parse(&workflow)?;
    let found = workflows::get_recorded(tx, &name, revision).await?.ok_or(Error::NotFound("workflow"))?;
    Ok(ScheduledStart::Run {
        execution: before.id,
        workflow,
        revision,
        definition: found.definition,
        input: before.input.unwrap_or_default(),
    })
}
