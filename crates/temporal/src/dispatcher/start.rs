//! Executions, handed to Temporal once each.

use std::collections::HashMap;

use serde_json::{Value, json};
use temporalio_client::{
    WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions,
    errors::WorkflowStartError,
    tonic::{Code, Status},
};
use temporalio_common::{
    protos::temporal::api::{
        common::v1::{Memo, WorkflowType as ProtoWorkflowType},
        enums::v1::{WorkflowIdConflictPolicy as Conflict, WorkflowIdReusePolicy as Reuse},
        taskqueue::v1::TaskQueue,
        workflowservice::v1::StartWorkflowExecutionRequest,
    },
    search_attributes::SearchAttributes,
};
use tenantry_domain::{
    ExecutionId, OrgScope, Revision, TaskQueueName, TemporalWorkflowId, WorkflowType, execution::Handle,
};
use tokio::time::timeout;

use super::{Dispatcher, IDENTITY, TASK_QUEUE, ending::EXECUTION, namespace, payload, payloads};
use crate::{
    Error,
    connection::{CALL_LIMIT, call, request, rpc_options},
    search_attributes,
    worker::workflow::{HostedInput, HostedRun, HostedWorkflow},
};

/// An execution to start.
#[derive(Clone, Debug)]
pub struct StartExecution {
    /// Its id.
    pub id: ExecutionId,
    /// What it runs.
    pub program: Program,
    /// What it is started with.
    pub input: Value,
}

/// What an execution runs.
#[derive(Clone, Debug)]
pub enum Program {
    /// A definition, on the hosted worker. Its workflow id is the execution's.
    Definition {
        /// The name of the workflow, for people who look at Temporal.
        name: String,
        /// Which revision of it.
        revision: Revision,
        /// What it runs from start to end, whatever is uploaded meanwhile.
        definition: Value,
    },
    /// A workflow type of the organization's own workers.
    Own {
        /// Which.
        workflow_type: WorkflowType,
        /// Where those workers look for work.
        task_queue: TaskQueueName,
        /// What the execution is called in Temporal.
        workflow_id: TemporalWorkflowId,
    },
}

/// An execution that Temporal has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Its first run.
    pub first_run_id: String,
    /// Its run, or the latest if the workflow has continued as a new one since.
    pub run_id: String,
    /// Whether Temporal had it before, so that it may have ended since.
    pub earlier: bool,
}

impl Dispatcher {
    /// Starts the execution in the organization's namespace. If it was started before, even if it has ended since, nothing
    /// starts.
    ///
    /// [`Error::WorkflowIdTaken`] if the namespace has another workflow by that id.
    pub async fn start(&self, scope: &OrgScope, start: StartExecution) -> Result<Started, Error> {
        let StartExecution { id, program, input } = start;
        match program {
            Program::Definition { name, revision, definition } => {
                let found_by = SearchAttributes::new(search_attributes::of(id, &name, revision)?);
                let input = HostedInput { workflow: name, definition: Some(definition), input };
                self.start_definition(scope, id, found_by, input).await
            }
            Program::Own { workflow_type, task_queue, workflow_id } => {
                let handle = Handle { id, workflow_id, first_run_id: None, run_id: None };
                let start = StartWorkflowExecutionRequest {
                    workflow_type: Some(ProtoWorkflowType { name: workflow_type.as_str().to_owned() }),
                    task_queue: Some(TaskQueue {
                        name: task_queue.as_str().to_owned(),
                        ..Default::default()
                    }),
                    input: Some(payloads(&input)?),
                    ..Default::default()
                };
                self.start_own(scope, &handle, start).await
            }
        }
    }

    async fn start_definition(
        &self,
        scope: &OrgScope,
        id: ExecutionId,
        found_by: SearchAttributes,
        input: HostedInput,
    ) -> Result<Started, Error> {
        let options = WorkflowStartOptions::new(TASK_QUEUE, id.to_string())
            .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .static_summary(input.workflow.clone())
            .search_attributes(found_by)
            .rpc_options(rpc_options())
            .build();
        let client = self.temporal.client(scope).await?;
        let started = client.start_workflow(HostedWorkflow::run, HostedRun::from(input), options);
        let (run_id, earlier) = match timeout(CALL_LIMIT, started).await.map_err(|_| Error::timed_out())? {
            Ok(handle) => (handle.run_id().map(str::to_owned), false),
            Err(WorkflowStartError::AlreadyStarted { run_id, .. }) => (run_id, true),
            Err(error) => return Err(self.temporal.suspecting(scope, error.into())),
        };
        let run_id = run_id.ok_or_else(|| Error::internal("Temporal named no run"))?;
        Ok(Started { first_run_id: run_id.clone(), run_id, earlier })
    }

    async fn start_own(
        &self,
        scope: &OrgScope,
        handle: &Handle,
        start: StartWorkflowExecutionRequest,
    ) -> Result<Started, Error> {
        let memo = HashMap::from([(EXECUTION.to_owned(), payload(&json!(handle.id))?)]);
        let start = StartWorkflowExecutionRequest {
            namespace: namespace(scope),
            workflow_id: handle.workflow_id.as_str().to_owned(),
            identity: IDENTITY.to_owned(),
            // The same request again is the same request.
            request_id: handle.id.to_string(),
            workflow_id_reuse_policy: Reuse::RejectDuplicate.into(),
            workflow_id_conflict_policy: Conflict::Fail.into(),
            memo: Some(Memo { fields: memo }),
            ..start
        };
        let mut service = self.temporal.workflow_service().await?;
        match call(service.start_workflow_execution(request(start))).await {
            Ok(started) => {
                let known = Some(started.first_execution_run_id).filter(|first| !first.is_empty());
                let first_run_id = known.unwrap_or_else(|| started.run_id.clone());
                Ok(Started { first_run_id, run_id: started.run_id, earlier: !started.started })
            }
            Err(error) if is_taken(&error) => self.started_before(scope, handle, error).await,
            Err(error) => Err(self.temporal.suspecting(scope, error)),
        }
    }

    /// The workflow that has the id: this execution's, which may have continued as a new run, or another.
    async fn started_before(
        &self,
        scope: &OrgScope,
        handle: &Handle,
        taken: Error,
    ) -> Result<Started, Error> {
        // If it was deleted just now, the next attempt will tell.
        let current = self.run(scope, &handle.workflow_id, "").await?;
        let Some(current) = current else { return Err(Error::Unavailable(taken.into())) };
        let first_run_id = current.first.clone().unwrap_or_else(|| current.id.clone());
        // What was started for the execution says so; what it continues as need not.
        let is_its = current.is_of(handle)
            || self
                .run(scope, &handle.workflow_id, &first_run_id)
                .await?
                .is_some_and(|first| first.is_of(handle));
        if is_its {
            return Ok(Started { first_run_id, run_id: current.id, earlier: true });
        }
        Err(Error::WorkflowIdTaken(taken.into()))
    }
}

fn is_taken(error: &Error) -> bool {
    let Error::Internal(cause) = error else { return false };
    cause.downcast_ref::<Status>().is_some_and(|status| status.code() == Code::AlreadyExists)
}
