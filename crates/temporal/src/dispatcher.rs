//! Executions, handed to Temporal once each.

use serde_json::Value;
use temporalio_client::{
    WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions, errors::WorkflowStartError,
};
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution, workflowservice::v1::RequestCancelWorkflowExecutionRequest,
};
use tenantry_domain::{ExecutionId, OrgScope};
use tokio::time::timeout;

use crate::{
    Error, Temporal,
    connection::{CALL_LIMIT, call, request, rpc_options},
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

    /// Asks the organization's execution to stop. Answers whether there was one to ask: none that has ended, or never started.
    pub async fn cancel(&self, scope: &OrgScope, execution: ExecutionId) -> Result<bool, Error> {
        let cancel = RequestCancelWorkflowExecutionRequest {
            namespace: scope.namespace().as_str().to_owned(),
            workflow_execution: Some(WorkflowExecution {
                workflow_id: execution.to_string(),
                run_id: String::new(),
            }),
            // The same request again is the same request.
            request_id: format!("cancel-{execution}"),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        match call(service.request_cancel_workflow_execution(request(cancel))).await {
            Ok(_) => Ok(true),
            // Temporal says the same of a namespace and of a workflow that it does not have.
            Err(Error::NoNamespace(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn no_run_id() -> Error {
    Error::internal("Temporal named no run")
}
