//! Executions, handed to Temporal once each.

use serde_json::Value;
use temporalio_client::{
    WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions, errors::WorkflowStartError,
};
use tenantry_domain::{ExecutionId, OrgScope};
use tokio::time::timeout;

use crate::{
    Error, Temporal,
    connection::{CALL_LIMIT, rpc_options},
    worker::workflow::{HostedInput, HostedWorkflow},
};

/// The one workflow type of hosted executions; the definition is part of its input.
pub const WORKFLOW_TYPE: &str = "tenantry.definition.v1";
/// The task queue that hosted workers poll, in each organization's own namespace.
pub const TASK_QUEUE: &str = "tenantry-hosted";

/// An execution to start.
#[derive(Clone, Debug)]
pub struct StartExecution {
    /// Its id, whose text becomes the Temporal workflow id.
    pub id: ExecutionId,
    /// The definition it runs from start to end, whatever is uploaded meanwhile.
    pub definition: Value,
    /// The name of the workflow, for people who look at Temporal.
    pub workflow_name: String,
    /// What it is started with.
    pub input: Value,
}

/// Hands executions to Temporal.
#[derive(Clone, Debug)]
pub struct Dispatcher {
    temporal: Temporal,
}

impl Dispatcher {
    /// Over this connection.
    pub fn new(temporal: Temporal) -> Self {
        Self { temporal }
    }

    /// Starts the execution in the organization's namespace and returns its run id. If it was started before, even if it
    /// has ended since, nothing starts and the answer is the same.
    pub async fn start(&self, scope: &OrgScope, start: StartExecution) -> Result<String, Error> {
        let options = WorkflowStartOptions::new(TASK_QUEUE, start.id.to_string())
            .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .static_summary(start.workflow_name.clone())
            .rpc_options(rpc_options())
            .build();
        let input =
            HostedInput { workflow: start.workflow_name, definition: start.definition, input: start.input };
        let client = self.temporal.client(scope).await?;
        let started = client.start_workflow(HostedWorkflow::run, input, options);
        match timeout(CALL_LIMIT, started).await.map_err(|_| Error::timed_out())? {
            Ok(handle) => handle.run_id().map(str::to_owned).ok_or_else(no_run_id),
            Err(WorkflowStartError::AlreadyStarted { run_id, .. }) => run_id.ok_or_else(no_run_id),
            Err(error) => Err(error.into()),
        }
    }
}

fn no_run_id() -> Error {
    Error::internal("Temporal named no run")
}
