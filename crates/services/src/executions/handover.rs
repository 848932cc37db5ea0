//! Recorded executions, handed to Temporal until it has them.

use chrono::TimeDelta;
use serde_json::json;
use tenantry_domain::{ExecutionId, OrgScope, Work, chain, execution::Outcome};
use tenantry_dsl::{ErrorType, WorkflowError};
use tenantry_storage::{
    Access, Doors as _, Transaction as _,
    executions::{self, End, Pending, Wish},
};
use tenantry_temporal::{Program, StartExecution, dispatcher::Started};

use super::{Executions, attended};
use crate::Error;

/// How long the request that records an execution has to hand it to Temporal, before the reconciler does.
const HANDOVER: TimeDelta = TimeDelta::seconds(10);
/// How many executions of one organization the reconciler hands over at a time.
const BATCH: i64 = 100;
/// Why what somebody wanted ended did not run.
const TERMINATED_BEFORE: &str = "terminated before it was started";

impl Executions {
    /// Hands a recorded execution to Temporal. If that does not work now, the reconciler tries again.
    pub(super) async fn hand_over(&self, scope: &OrgScope, start: StartExecution) {
        if matches!(start.program, Program::Definition { .. }) {
            self.workers.ensure(scope);
        }
        let id = start.id;
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
        use tenantry_temporal::Error as E;
        let id = start.id;
        match self.dispatcher.start(scope, start).await {
            Ok(started) => self.started(scope, id, started).await,
            Err(E::Refused(cause)) => {
                tracing::error!(execution = %id, error = chain(cause.as_ref()), "Temporal refuses it");
                self.never_started(scope, id, "Temporal refuses to start the execution").await
            }
            Err(E::WorkflowIdTaken(_)) => {
                self.never_started(scope, id, "another workflow of the namespace has the workflow id").await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn started(&self, scope: &OrgScope, id: ExecutionId, started: Started) -> Result<(), Error> {
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        let wish =
            executions::mark_running(&mut tx, id, (&started.first_run_id, &started.run_id), self.clock.now())
                .await?;
        let handle = executions::get(&mut tx, id).await?.map(|execution| execution.handle());
        tx.commit().await?;
        let Some(handle) = handle else { return Ok(()) };
        // Somebody wanted it to stop while it was being started.
        match wish {
            Wish::Cancel => {
                self.dispatcher.cancel(scope, &handle.workflow_id).await?;
            }
            Wish::Terminate => {
                self.dispatcher.terminate(scope, &handle.workflow_id, TERMINATED_BEFORE).await?;
            }
            // It was started by whoever did not come back to say so, and nobody has looked for its end since.
            Wish::Run if started.earlier => self.look(scope, &handle).await?,
            Wish::Run => {}
        }
        Ok(())
    }

    async fn never_started(&self, scope: &OrgScope, id: ExecutionId, why: &str) -> Result<(), Error> {
        let outcome = Outcome::Failed(json!(WorkflowError::new(ErrorType::Runtime, why)));
        let end = End { outcome: &outcome, at: self.clock.now(), run_id: None, tasks: None };
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        executions::finish(&mut tx, id, end).await?;
        Ok(tx.commit().await?)
    }

    /// Hands over what was recorded a while ago and is still pending.
    pub(crate) async fn resume_pending(&self, scope: &OrgScope) -> Result<(), Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        let pending = executions::pending(&mut tx, self.clock.now() - HANDOVER, BATCH).await?;
        drop(tx);
        for pending in pending {
            let id = pending.execution.id;
            attended(id, "an execution stays pending", self.dispatch(scope, start(pending)).await)?;
        }
        Ok(())
    }

    /// Sees that what is open in Temporal has a worker, also if nothing is left to do here: whoever recorded an end may have died before
    /// Temporal heard of it.
    pub(crate) async fn resume_open(&self, scope: &OrgScope) -> Result<(), Error> {
        if self.dispatcher.has_open_definition(scope).await? {
            self.workers.ensure(scope);
        }
        Ok(())
    }

    /// Tells Temporal of what is to stop and of which it has not heard.
    pub(crate) async fn resume_cancels(&self, scope: &OrgScope) -> Result<(), Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        let handles = executions::to_cancel(&mut tx, BATCH).await?;
        drop(tx);
        for handle in handles {
            let sent = self.send_cancel(scope, &handle).await;
            attended(handle.id, "an execution is not cancelled yet", sent)?;
        }
        Ok(())
    }
}

fn start(Pending { execution, definition }: Pending) -> StartExecution {
    let program = match execution.work {
        Work::Definition { workflow, revision } => {
            Program::Definition { name: workflow, revision, definition: definition.unwrap_or_default() }
        }
        Work::Own { workflow_type, task_queue } => {
            Program::Own { workflow_type, task_queue, workflow_id: execution.workflow_id }
        }
    };
    StartExecution { id: execution.id, program, input: execution.input.unwrap_or_default() }
}
