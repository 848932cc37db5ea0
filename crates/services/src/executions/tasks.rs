//! The states of an execution's tasks: while it runs, as the hosted worker knows them; afterwards, as they were written with its end.

use std::time::Duration;

use serde_json::{Value, json};
use tenantry_domain::{Execution, ExecutionId, OrgScope, OrganizationStatus, chain};
use tenantry_storage::{Access, Doors as _, executions};
use tenantry_temporal::dispatcher::TASKS_QUERY;
use tokio::time::timeout;

use super::Executions;
use crate::Error;

/// How long an end waits for the states of the tasks, which are not worth more.
const AT_END_LIMIT: Duration = Duration::from_secs(1);
const RUNNING: &str = "running";

impl Executions {
    /// The latest 1,000 of the tasks that an execution has entered, in that order; none of one that own workers do.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Temporal or the hosted worker cannot say.
    pub async fn tasks(&self, scope: &OrgScope, id: ExecutionId) -> Result<Vec<Value>, Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        let execution = executions::get(&mut tx, id).await?.ok_or(Error::NotFound("execution"))?;
        let written = executions::tasks(&mut tx, id).await?;
        drop(tx);
        if execution.work.is_own() || execution.run_id.is_none() {
            return Ok(Vec::new());
        }
        let tasks = match written {
            Some(written) => list(written),
            // What was ended in Temporal directly is asked for as long as Temporal has it.
            None => self.ask_for_tasks(&scope.for_background(), scope.status(), &execution).await?,
        };
        Ok(settled(&execution, tasks))
    }

    /// The same for one that is about to be ended, if the worker is there to say.
    pub(super) async fn tasks_at_end(&self, scope: &OrgScope, execution: &Execution) -> Option<Value> {
        if execution.work.is_own() {
            return None;
        }
        let asked = timeout(AT_END_LIMIT, self.ask_for_tasks(scope, scope.status(), execution)).await.ok()?;
        asked
            .inspect_err(|error| tracing::debug!(execution = %execution.id, error = chain(error), "ended without tasks"))
            .ok()
            .map(Value::from)
    }

    pub(super) async fn ask_for_tasks(
        &self,
        scope: &OrgScope,
        organization: OrganizationStatus,
        execution: &Execution,
    ) -> Result<Vec<Value>, Error> {
        // What is paused with its organization stays so.
        if organization == OrganizationStatus::Active {
            self.workers.ensure(scope);
        }
        let answer = self.dispatcher.query(scope, &execution.workflow_id, TASKS_QUERY).await?;
        let tasks = answer.map(|answer| tenantry_dsl::json::read(&answer)).transpose();
        Ok(list(tasks.map_err(|error| Error::Internal(error.into()))?.unwrap_or_default()))
    }
}

pub(super) fn list(tasks: Value) -> Vec<Value> {
    match tasks {
        Value::Array(tasks) => tasks.into_iter().filter(Value::is_object).collect(),
        _ => Vec::new(),
    }
}

/// The tasks of this execution: what was at work when that was ended has ended with it, the innermost first.
pub(super) fn settled(execution: &Execution, mut tasks: Vec<Value>) -> Vec<Value> {
    // Those of executions that ended when nobody counted yet are counted as they stand.
    for (place, task) in (1..).zip(&mut tasks).filter(|(_, task)| task["change"].is_null()) {
        (task["entry"], task["change"]) = (json!(place), json!(place));
    }
    let mut changes = tasks.iter().map(change).max().unwrap_or_default();
    let running = tasks.iter_mut().rev().filter(|task| task["status"] == json!(RUNNING));
    for task in running.take_while(|_| execution.status.is_final()) {
        changes += 1;
        task["change"] = json!(changes);
        task["status"] = json!(execution.status);
        task["ended_at"] = json!(execution.ended_at);
    }
    tasks
}

/// Which of all changes of tasks the latest of this one was.
pub(super) fn change(task: &Value) -> u64 {
    task["change"].as_u64().unwrap_or_default()
}
