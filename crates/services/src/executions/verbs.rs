//! What is done to executions that run: they are signalled, asked to stop, ended.

use serde_json::{Value, json};
use tenantry_domain::{
    Execution, ExecutionId, ExecutionStatus, Invalid, OrgScope, SignalName,
    audit::{self as domain_audit, Action, Event, Resource},
    chain,
    execution::{Handle, Outcome, TerminationReason},
};
use tenantry_storage::{
    Access, Doors as _, TenantTx, Transaction as _, audit,
    executions::{self, End},
};
use tenantry_temporal::Signal;
use uuid::Uuid;

use super::Executions;
use crate::Error;

impl Executions {
    /// Asks an execution to stop. It is `canceled` when it has. One that is to stop already stays so.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has ended.
    pub async fn cancel(&self, scope: &OrgScope, id: ExecutionId) -> Result<Execution, Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        let execution = unended(&mut tx, id).await?;
        if executions::request_cancel(&mut tx, id, now).await? {
            let event = Event::done(Action::ExecutionCancel, Resource::Execution(id));
            audit::record(&mut tx, now, event).await?;
        }
        tx.commit().await?;
        let background = scope.for_background();
        if !execution.work.is_own() {
            self.workers.ensure(&background);
        }
        if let Err(error) = self.send_cancel(&background, &execution.handle()).await {
            tracing::warn!(execution = %id, error = chain(&error), "the reconciler will cancel it");
        }
        self.get(scope, id).await
    }

    pub(super) async fn send_cancel(&self, scope: &OrgScope, handle: &Handle) -> Result<(), Error> {
        self.dispatcher.cancel(scope, &handle.workflow_id).await?;
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        executions::mark_cancel_sent(&mut tx, handle.id, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Sends a signal to an execution. Once this answers, Temporal has it.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has ended; [`Error::Unavailable`] when Temporal is away, or does not have the execution yet.
    pub async fn signal(
        &self,
        scope: &OrgScope,
        id: ExecutionId,
        name: SignalName,
        input: Option<Value>,
    ) -> Result<Execution, Error> {
        if let Some(input) = &input {
            tenantry_dsl::limits::check(input).map_err(|why| Invalid::new("input", why))?;
        }
        let event = Event::done(Action::ExecutionSignal, Resource::Execution(id))
            .with_changes(json!({ "name": name }));
        let execution = self.intend(scope, id, event.clone()).await?;
        let signal = Signal { name, input, request_id: Uuid::new_v4().to_string() };
        let sent = self.dispatcher.signal(&scope.for_background(), &execution.workflow_id, signal).await;
        self.settle(scope, &execution, event, sent).await?;
        self.get(scope, id).await
    }

    /// Ends an execution without asking it. It is `terminated` at once.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has ended; [`Error::Unavailable`] when Temporal is away, or does not have the execution yet.
    pub async fn terminate(
        &self,
        scope: &OrgScope,
        id: ExecutionId,
        reason: Option<TerminationReason>,
    ) -> Result<Execution, Error> {
        let reason = reason.map(|reason| reason.as_str().to_owned()).unwrap_or_default();
        let event = Event::done(Action::ExecutionTerminate, Resource::Execution(id))
            .with_changes(json!({ "reason": reason }));
        let execution = self.intend(scope, id, event.clone()).await?;
        let background = scope.for_background();
        // Before, so that its end is written as soon as it is one: a worker may have it in hand, and be about to write another.
        let tasks = self.tasks_at_end(&background, &execution).await;
        let ended = self.dispatcher.terminate(&background, &execution.workflow_id, &reason).await;
        self.settle(scope, &execution, event, ended).await?;
        let outcome = Outcome::Terminated(reason);
        let end = End { outcome: &outcome, at: self.clock.now(), run_id: None, tasks: tasks.as_ref() };
        let mut tx = self.store.tenant(&background, Access::Write).await?;
        executions::finish(&mut tx, id, end).await?;
        tx.commit().await?;
        self.get(scope, id).await
    }

    /// Records what somebody is about to do to an execution that runs.
    async fn intend(&self, scope: &OrgScope, id: ExecutionId, event: Event) -> Result<Execution, Error> {
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        let execution = unended(&mut tx, id).await?;
        if execution.status == ExecutionStatus::Pending {
            return Err(Error::Unavailable("Temporal does not have the execution yet".into()));
        }
        audit::record(&mut tx, self.clock.now(), event).await?;
        tx.commit().await?;
        Ok(execution)
    }

    /// Goes on if Temporal has done it, and else records that it has not, and why.
    async fn settle(
        &self,
        scope: &OrgScope,
        execution: &Execution,
        event: Event,
        done: Result<bool, tenantry_temporal::Error>,
    ) -> Result<(), Error> {
        if matches!(done, Ok(true)) {
            return Ok(());
        }
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        audit::record(&mut tx, self.clock.now(), Event { outcome: domain_audit::Outcome::Failed, ..event })
            .await?;
        tx.commit().await?;
        done?;
        // There was none to do it to: it has ended, and that was not known here.
        self.look(&scope.for_background(), &execution.handle()).await?;
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        unended(&mut tx, execution.id).await?;
        Err(Error::Unavailable("Temporal does not have the execution now".into()))
    }
}

/// The execution, if it has not ended.
async fn unended(tx: &mut TenantTx, id: ExecutionId) -> Result<Execution, Error> {
    let execution = executions::get(tx, id).await?.ok_or(Error::NotFound("execution"))?;
    if execution.status.is_final() {
        return Err(Error::conflict(format!("the execution has ended: it is {}", execution.status)));
    }
    Ok(execution)
}
