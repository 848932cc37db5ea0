//! Executions: recorded first, then handed to Temporal.

use std::{pin::Pin, sync::Arc};

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantry_domain::{
    Clock, Execution, ExecutionId, Invalid, OrgScope, OrganizationStatus, Page, PageRequest, Quota, Revision,
    Workflow, WorkflowName,
    audit::{Action, Event, Resource},
    chain,
    execution::Outcome,
};
use tenantry_dsl::{ErrorType, WorkflowError};
use tenantry_storage::{
    Access, Conflict, Doors as _, Store, Transaction as _, audit,
    executions::{self, Filter},
    organizations, quotas, workflows,
};
use tenantry_temporal::{Dispatcher, ExecutionJournal, StartExecution, WorkerPool};

use crate::Error;

/// How long the request that records an execution has to hand it to Temporal, before the reconciler does.
const HANDOVER: TimeDelta = TimeDelta::seconds(10);
/// How many executions of one organization the reconciler hands over at a time.
const BATCH: i64 = 100;

/// Executions.
#[derive(Clone)]
pub struct Executions {
    store: Store,
    dispatcher: Dispatcher,
    workers: Arc<WorkerPool>,
    clock: Arc<dyn Clock>,
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

impl Executions {
    pub(crate) fn new(
        store: Store,
        dispatcher: Dispatcher,
        workers: Arc<WorkerPool>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, dispatcher, workers, clock }
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
        let input = start.input.unwrap_or_else(|| json!({}));
        tenantry_dsl::limits::check(&input).map_err(|why| Invalid::new("input", why))?;
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        // What the scope says may be older than the end of provisioning.
        let status = match scope.status() {
            status @ OrganizationStatus::Active => status,
            _ => organizations::own(&mut tx).await?.status,
        };
        if status != OrganizationStatus::Active {
            return Err(Error::OrganizationNot(status));
        }
        let workflow =
            workflows::get(&mut tx, name, start.revision).await?.ok_or(Error::NotFound("workflow"))?;
        for quota in [Quota::RunningExecutions, Quota::StartsPerSecond] {
            quotas::reserve(&mut tx, quota, now).await??;
        }
        match executions::insert(&mut tx, id, &workflow, &input, now).await {
            Err(tenantry_storage::Error::Conflict(Conflict::ExecutionIdTaken)) => {
                // It has failed, and would hold its connection and its locks while the answer waits for another.
                drop(tx);
                return self.again(scope, id, &workflow, start.revision, &input).await;
            }
            inserted => inserted?,
        }
        let event = Event::done(Action::ExecutionStart, Resource::Execution(id))
            .with_changes(json!({ "workflow": workflow.name, "revision": workflow.revision }));
        audit::record(&mut tx, now, event).await?;
        tx.commit().await?;
        self.hand_over(&scope.for_background(), id, workflow, input).await;
        self.get(scope, id).await
    }

    /// The answer to a request that was made before.
    async fn again(
        &self,
        scope: &OrgScope,
        id: ExecutionId,
        workflow: &Workflow,
        revision: Option<Revision>,
        input: &Value,
    ) -> Result<Execution, Error> {
        // One that the actor cannot see is something else, too.
        let mut tx = self.store.tenant(&scope.for_background(), Access::Read).await?;
        let before = executions::get(&mut tx, id).await?.ok_or(Error::NotFound("execution"))?;
        let same_revision = revision.is_none_or(|revision| revision == before.revision);
        if before.workflow == workflow.name && same_revision && before.input.as_ref() == Some(input) {
            return Ok(before);
        }
        Err(Error::conflict("an execution with this id was started with something else"))
    }

    /// Hands a recorded execution to Temporal. If that does not work now, the reconciler tries again.
    async fn hand_over(&self, scope: &OrgScope, id: ExecutionId, workflow: Workflow, input: Value) {
        self.workers.ensure(scope);
        let start =
            StartExecution { id, definition: workflow.definition, workflow_name: workflow.name, input };
        if let Err(error) = self.dispatch(scope, start).await {
            tracing::warn!(
                organization = %scope.organization(),
                execution = %id,
                error = chain(&error),
                "the execution stays pending"
            );
        }
    }

    async fn dispatch(&self, scope: &OrgScope, start: StartExecution) -> Result<(), Error> {
        let id = start.id;
        let started = self.dispatcher.start(scope, start).await;
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        let mut stop = false;
        match started {
            Ok(run_id) => stop = executions::mark_running(&mut tx, id, &run_id).await?,
            Err(tenantry_temporal::Error::Refused(cause)) => {
                tracing::error!(execution = %id, error = chain(cause.as_ref()), "Temporal refuses it");
                let refused =
                    WorkflowError::new(ErrorType::Runtime, "Temporal refuses to start the execution");
                executions::finish(&mut tx, id, &Outcome::Failed(json!(refused)), self.clock.now()).await?;
            }
            Err(error) => return Err(error.into()),
        }
        tx.commit().await?;
        // Somebody wanted it to stop while it was being started.
        if stop {
            self.dispatcher.cancel(scope, id).await?;
        }
        Ok(())
    }

    /// Asks an execution to stop. It is `canceled` when it has. One that is to stop already stays so.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has ended.
    pub async fn cancel(&self, scope: &OrgScope, id: ExecutionId) -> Result<Execution, Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        let execution = executions::get(&mut tx, id).await?.ok_or(Error::NotFound("execution"))?;
        if execution.status.is_final() {
            return Err(Error::conflict(format!("the execution has ended: it is {}", execution.status)));
        }
        if executions::request_cancel(&mut tx, id, now).await? {
            let event = Event::done(Action::ExecutionCancel, Resource::Execution(id));
            audit::record(&mut tx, now, event).await?;
        }
        tx.commit().await?;
        let background = scope.for_background();
        self.workers.ensure(&background);
        if let Err(error) = self.send_cancel(&background, id).await {
            tracing::warn!(execution = %id, error = chain(&error), "the reconciler will cancel it");
        }
        self.get(scope, id).await
    }

    async fn send_cancel(&self, scope: &OrgScope, id: ExecutionId) -> Result<(), Error> {
        self.dispatcher.cancel(scope, id).await?;
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        executions::mark_cancel_sent(&mut tx, id, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Tells Temporal of what is to stop and of which it has not heard.
    pub(crate) async fn resume_cancels(&self, scope: &OrgScope) -> Result<(), Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        let ids = executions::to_cancel(&mut tx, BATCH).await?;
        drop(tx);
        for id in ids {
            attended(id, "an execution is not cancelled yet", self.send_cancel(scope, id).await)?;
        }
        Ok(())
    }

    /// Hands over what was recorded a while ago and is still pending.
    pub(crate) async fn resume_pending(&self, scope: &OrgScope) -> Result<(), Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        let pending = executions::pending(&mut tx, self.clock.now() - HANDOVER, BATCH).await?;
        drop(tx);
        for (execution, definition) in pending {
            let start = StartExecution {
                id: execution.id,
                definition,
                workflow_name: execution.workflow,
                input: execution.input.unwrap_or_default(),
            };
            attended(execution.id, "an execution stays pending", self.dispatch(scope, start).await)?;
        }
        Ok(())
    }

    /// An execution.
    pub async fn get(&self, scope: &OrgScope, id: ExecutionId) -> Result<Execution, Error> {
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

/// What fails for one execution does not keep the others; but whatever is away, is away for them too.
fn attended(execution: ExecutionId, otherwise: &'static str, done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(error @ Error::Unavailable(_)) => return Err(error),
        Err(error) => tracing::error!(%execution, error = chain(&error), "{otherwise}"),
        Ok(()) => {}
    }
    Ok(())
}

/// Writes the ends of executions to PostgreSQL, for the hosted workers.
pub(crate) struct Journal {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Journal {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    async fn record(&self, scope: &OrgScope, id: ExecutionId, outcome: &Outcome) -> Result<(), Error> {
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        executions::finish(&mut tx, id, outcome, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }
}

type Recorded<'a> =
    Pin<Box<dyn Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>>;

impl ExecutionJournal for Journal {
    fn record_outcome<'a>(
        &'a self,
        scope: &'a OrgScope,
        execution: ExecutionId,
        outcome: Outcome,
    ) -> Recorded<'a> {
        Box::pin(async move { Ok(self.record(scope, execution, &outcome).await?) })
    }
}
