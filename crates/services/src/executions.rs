//! Executions: recorded first, then handed to Temporal.

mod ends;
mod events;
mod handover;
mod history;
mod scheduled;
mod tasks;
mod verbs;

use std::sync::Arc;

use serde_json::{Value, json};
use tenantry_domain::{
    Clock, Execution, ExecutionId, Invalid, OrgScope, OrganizationStatus, Page, PageRequest, Permission,
    Quota, Revision, TaskQueueName, TemporalWorkflowId, Timestamp, Work, Workflow, WorkflowName,
    WorkflowType,
    audit::{Action, Event, Resource},
    chain,
};
use tenantry_storage::{
    Access, Doors as _, Store, TenantTx, Transaction as _, audit,
    executions::{self, Filter, NewExecution, NewWork},
    organizations, quotas, workflows,
};
use tenantry_temporal::{Dispatcher, Program, StartExecution, WorkerPool};

pub(crate) use self::ends::Journal;
pub use self::events::{About, Event as ExecutionEvent, Following};
use crate::{Error, audit::Audit};

/// Executions.
#[derive(Clone)]
pub struct Executions {
    store: Store,
    dispatcher: Dispatcher,
    workers: Arc<WorkerPool>,
    audit: Audit,
    clock: Arc<dyn Clock>,
    watches: Arc<events::Watches>,
}

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// What it is started with; an empty object if nothing is said.
    pub input: Option<Value>,
    /// Which revision of the workflow; the latest if nothing is said.
    pub revision: Option<Revision>,
    /// Its id, so that a repeated request cannot start it twice; a new one if nothing is said.
    pub id: Option<ExecutionId>,
}

/// A workflow of own workers to start.
#[derive(Clone, Debug)]
pub struct StartOwn {
    /// Its type.
    pub workflow_type: WorkflowType,
    /// Where those workers look for work.
    pub task_queue: TaskQueueName,
    /// What it is to be called in Temporal, so that a repeated request cannot start it twice; as the execution if nothing is said.
    pub workflow_id: Option<TemporalWorkflowId>,
    /// What it is started with; an empty object if nothing is said.
    pub input: Option<Value>,
    /// The execution's id, so that a second attempt at the same request cannot start it twice; a new one if nothing is said.
    pub id: Option<ExecutionId>,
}

impl Executions {
    pub(crate) fn new(
        store: Store,
        dispatcher: Dispatcher,
        workers: Arc<WorkerPool>,
        audit: Audit,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, dispatcher, workers, audit, clock, watches: Arc::default() }
    }

    /// Starts a workflow. Once this answers, the execution happens, whatever fails; it is `pending` as long as Temporal
    /// cannot take it.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a workflow or revision; [`Error::OrganizationNot`] unless the organization is
    /// active; [`Error::Conflict`] when the id belongs to an execution of something else.
    pub async fn start(
        &self,
        scope: &OrgScope,
        name: &WorkflowName,
        start: Start,
    ) -> Result<Execution, Error> {
        let now = self.clock.now();
        let id = start.id.unwrap_or_else(|| ExecutionId::generate(now));
        let input = checked_input(start.input)?;
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        admit_to(&mut tx).await?;
        let workflow =
            workflows::get(&mut tx, name, start.revision).await?.ok_or(Error::NotFound("workflow"))?;
        let new = NewExecution { id, work: NewWork::Definition(&workflow), input: &input };
        if let Err(why) = record(&mut tx, new, now).await {
            // It has failed, and would hold its connection and its locks while the answer waits for another.
            drop(tx);
            let is_same = |before: &Execution| runs(before, &workflow, start.revision, &input);
            return self.again(scope, start.id, None, is_same, why).await;
        }
        let event = Event::done(Action::ExecutionStart, Resource::Execution(id))
            .with_changes(json!({ "workflow": workflow.name, "revision": workflow.revision }));
        audit::record(&mut tx, now, event).await?;
        tx.commit().await?;
        let Workflow { name, revision, definition, .. } = workflow;
        let program = Program::Definition { name, revision, definition };
        self.hand_over(&scope.for_background(), StartExecution { id, program, input }).await;
        self.get(scope, id).await
    }

    /// Starts a workflow of a type that the organization's own workers have. Once this answers, it is as good as started, like any
    /// other.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the actor cannot reach the task queue; [`Error::OrganizationNot`] unless the organization is
    /// active; [`Error::Conflict`] when the workflow id belongs to an execution of something else.
    pub async fn start_own(&self, scope: &OrgScope, start: StartOwn) -> Result<Execution, Error> {
        let started = self.try_start_own(scope, start).await;
        let resource = Resource::Organization(scope.organization());
        self.audit.watch(scope, Action::ExecutionStart, resource, started).await
    }

    async fn try_start_own(&self, scope: &OrgScope, start: StartOwn) -> Result<Execution, Error> {
        if !scope.reaches_own_work(&start.task_queue) {
            return Err(Error::Forbidden(
                "the key's scopes do not reach own workflow types on this task queue",
            ));
        }
        let now = self.clock.now();
        let id = start.id.unwrap_or_else(|| ExecutionId::generate(now));
        let input = checked_input(start.input)?;
        let StartOwn { workflow_type, task_queue, workflow_id: chosen, id: asked_as, .. } = start;
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        admit_to(&mut tx).await?;
        let own = NewWork::Own {
            workflow_type: &workflow_type,
            task_queue: &task_queue,
            workflow_id: chosen.as_ref(),
        };
        if let Err(why) = record(&mut tx, NewExecution { id, work: own, input: &input }, now).await {
            drop(tx);
            let work = Work::Own { workflow_type, task_queue };
            let is_same = |before: &Execution| before.work == work && before.input.as_ref() == Some(&input);
            return self.again(scope, asked_as, chosen.as_ref(), is_same, why).await;
        }
        let workflow_id = chosen.unwrap_or_else(|| id.into());
        let event = Event::done(Action::ExecutionStart, Resource::Execution(id)).with_changes(json!({
            "workflow_type": workflow_type, "task_queue": task_queue, "workflow_id": workflow_id,
        }));
        audit::record(&mut tx, now, event).await?;
        tx.commit().await?;
        let program = Program::Own { workflow_type, task_queue, workflow_id };
        self.hand_over(&scope.for_background(), StartExecution { id, program, input }).await;
        self.get(scope, id).await
    }

    /// The answer to a request that was made before, as which its names say; or why this one cannot be met.
    async fn again(
        &self,
        scope: &OrgScope,
        id: Option<ExecutionId>,
        workflow_id: Option<&TemporalWorkflowId>,
        is_same: impl FnOnce(&Execution) -> bool,
        why: Error,
    ) -> Result<Execution, Error> {
        if !matches!(why, Error::Conflict(_) | Error::QuotaExceeded(_)) {
            return Err(why);
        }
        // One that the actor cannot see is something else, too.
        let mut tx = self.store.tenant(&scope.for_background(), Access::Read).await?;
        let by_id = match id {
            Some(id) => executions::get(&mut tx, id).await?,
            None => None,
        };
        let before = match (by_id, workflow_id) {
            (None, Some(workflow_id)) => executions::by_workflow_id(&mut tx, workflow_id).await?,
            (before, _) => before,
        };
        let Some(before) = before else { return Err(why) };
        if may_compare(&mut tx, scope, &before).await? && is_same(&before) {
            return Ok(before);
        }
        Err(Error::conflict("an execution with this id was started with something else, or by somebody else"))
    }

    /// An execution. One that own workers do is looked for in Temporal, if nobody has looked a moment ago.
    pub async fn get(&self, scope: &OrgScope, id: ExecutionId) -> Result<Execution, Error> {
        let execution = self.recorded(scope, id).await?;
        if self.is_worth_a_look(&execution) && self.look_briefly(scope, &execution).await {
            return self.recorded(scope, id).await;
        }
        Ok(execution)
    }

    async fn recorded(&self, scope: &OrgScope, id: ExecutionId) -> Result<Execution, Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        executions::get(&mut tx, id).await?.ok_or(Error::NotFound("execution"))
    }

    /// The executions that the actor can reach, newest first.
    pub async fn list(
        &self,
        scope: &OrgScope,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<Execution>, Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        Ok(executions::list(&mut tx, filter, page).await?)
    }
}

/// What an execution is to be started with, if a value may be so.
pub(crate) fn checked_input(input: Option<Value>) -> Result<Value, Invalid> {
    let input = input.unwrap_or_else(|| json!({}));
    tenantry_dsl::limits::check(&input).map_err(|why| Invalid::new("input", why))?;
    Ok(input)
}

/// Makes sure that the organization may start something at all.
pub(crate) async fn admit_to(tx: &mut TenantTx) -> Result<(), Error> {
    // What the scope says may be older than the end of provisioning.
    let status = match tx.scope().status() {
        status @ OrganizationStatus::Active => status,
        _ => organizations::own(tx).await?.status,
    };
    match status {
        OrganizationStatus::Active => Ok(()),
        status => Err(Error::OrganizationNot(status)),
    }
}

/// Records an execution that is to start, if there may be one more.
async fn record(tx: &mut TenantTx, new: NewExecution<'_>, now: Timestamp) -> Result<(), Error> {
    reserve_start(tx, now).await?;
    Ok(executions::insert(tx, new, now).await?)
}

/// Whether an execution runs this definition, in the revision that is asked for if one is, with this input.
fn runs(execution: &Execution, asked: &Workflow, revision: Option<Revision>, input: &Value) -> bool {
    let Work::Definition { workflow, revision: ran } = &execution.work else { return false };
    *workflow == asked.name
        && revision.is_none_or(|revision| revision == *ran)
        && execution.input.as_ref() == Some(input)
}

/// Whether the actor may find out what an execution was started with, by guesses too: whoever may read executions, and whoever started
/// it with the same key.
async fn may_compare(tx: &mut TenantTx, scope: &OrgScope, execution: &Execution) -> Result<bool, Error> {
    let Some(api_key) = scope.trail().actor.api_key() else { return Ok(true) };
    if scope.allows(Permission::ReadExecutions) {
        return Ok(true);
    }
    let filter = audit::Filter {
        action: Some(Action::ExecutionStart.to_string()),
        resource: Some(execution.id.to_string()),
        ..audit::Filter::default()
    };
    let started = audit::list(tx, &filter, PageRequest::new(None, 1)).await?;
    Ok(started.items.first().is_some_and(|entry| entry.key_id == Some(api_key)))
}

/// Makes sure that there may be one more, until the transaction ends.
pub(crate) async fn reserve_start(tx: &mut TenantTx, now: Timestamp) -> Result<(), Error> {
    for quota in [Quota::RunningExecutions, Quota::StartsPerSecond] {
        quotas::reserve(tx, quota, now).await??;
    }
    Ok(())
}

/// What fails for one execution does not keep the others; but whatever is away, is away for them too.
fn attended(execution: ExecutionId, otherwise: &'static str, done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(error @ Error::Unavailable(_)) => return Err(error),
        Err(error) => tracing::error!(%execution, error = chain(&error), "{otherwise}"),
        Ok(()) => {}
    }
    Ok(())
}
