//! The one entrance for what is done to executions in Temporal.
//!
//! Each method takes the [`OrgScope`] of an organization and reaches that organization's namespace, and no other. Whether it is
//! done twice or once is the same: a start and a cancel by the names they carry, a signal and a reset by their request's id.

mod closed;
mod ending;
mod history;
mod start;

use std::time::Duration;

use serde_json::Value;
use temporalio_client::tonic::{Code, Status};
use temporalio_common::protos::{
    coresdk::AsJsonPayloadExt as _,
    temporal::api::{
        common::v1::{Payload, Payloads, WorkflowExecution},
        query::v1::WorkflowQuery,
        workflowservice::v1::{
            QueryWorkflowRequest, RequestCancelWorkflowExecutionRequest, ResetWorkflowExecutionRequest,
            SignalWorkflowExecutionRequest, TerminateWorkflowExecutionRequest,
        },
    },
};
use tenantry_domain::{OrgScope, SignalName, TemporalWorkflowId, Timestamp, execution::HOSTED_TASK_QUEUE};
use tokio::time::{Instant, sleep};

pub use self::{
    closed::Closed,
    ending::Seen,
    start::{Program, StartExecution, Started},
};
use crate::{
    Error, Temporal,
    connection::{call, request},
};

/// The one workflow type of hosted executions; the definition is part of its input.
pub const WORKFLOW_TYPE: &str = "tenantry.definition.v1";
/// The task queue that hosted workers poll, in each organization's own namespace.
pub const TASK_QUEUE: &str = HOSTED_TASK_QUEUE;
/// What hosted executions answer with the states of their tasks.
pub const TASKS_QUERY: &str = "tenantry.tasks.v1";
/// Who asks, as Temporal remembers it.
pub(crate) const IDENTITY: &str = "tenantry";
/// How long a query waits for a worker that has just been started.
const WORKER_PATIENCE: Duration = Duration::from_secs(3);
const QUERY_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The entrance.
#[derive(Clone, Debug)]
pub struct Dispatcher {
    temporal: Temporal,
}

/// A signal to send.
#[derive(Clone, Debug)]
pub struct Signal {
    /// What the workflow knows it by.
    pub name: SignalName,
    /// What comes with it.
    pub input: Option<Value>,
    /// Names the request: the same one again is no second signal.
    pub request_id: String,
}

/// Where to go back to.
#[derive(Clone, Debug)]
pub struct Reset {
    /// The event of the history, the end of a workflow task, after which everything happens again.
    pub event: i64,
    /// Why, for people who look at Temporal.
    pub reason: String,
    /// Names the request: the same one again is no second reset.
    pub request_id: String,
}

impl Dispatcher {
    /// Over this connection.
    pub fn new(temporal: Temporal) -> Self {
        Self { temporal }
    }

    /// Sends a signal. Answers whether there was an execution to take it: none that has ended, or never started.
    pub async fn signal(
        &self,
        scope: &OrgScope,
        execution: &TemporalWorkflowId,
        signal: Signal,
    ) -> Result<bool, Error> {
        let signal = SignalWorkflowExecutionRequest {
            namespace: namespace(scope),
            workflow_execution: Some(current_run(execution)),
            signal_name: signal.name.as_str().to_owned(),
            input: signal.input.as_ref().map(payloads).transpose()?,
            identity: IDENTITY.to_owned(),
            request_id: signal.request_id,
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        found(call(service.signal_workflow_execution(request(signal))).await).map(|done| done.is_some())
    }

    /// Asks the workflow about its state, also after its end. The answer is nothing if there is no such execution.
    ///
    /// [`Error::Unavailable`] if no worker answers.
    pub async fn query(
        &self,
        scope: &OrgScope,
        execution: &TemporalWorkflowId,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let query = QueryWorkflowRequest {
            namespace: namespace(scope),
            execution: Some(current_run(execution)),
            query: Some(WorkflowQuery { query_type: name.to_owned(), ..Default::default() }),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        let deadline = Instant::now() + WORKER_PATIENCE;
        loop {
            match found(call(service.query_workflow(request(query.clone()))).await) {
                Ok(answer) => return Ok(answer.and_then(|answer| only_payload(answer.query_result))),
                Err(error) if !is_without_worker(&error) => return Err(error),
                Err(_) if Instant::now() < deadline => sleep(QUERY_AGAIN_AFTER).await,
                Err(error) => return Err(Error::Unavailable(error.into())),
            }
        }
    }

    /// Asks an execution to stop. That there is none, or one that has ended, is fine.
    pub async fn cancel(&self, scope: &OrgScope, execution: &TemporalWorkflowId) -> Result<(), Error> {
        let cancel = RequestCancelWorkflowExecutionRequest {
            namespace: namespace(scope),
            workflow_execution: Some(current_run(execution)),
            identity: IDENTITY.to_owned(),
            // The same request again is the same request.
            request_id: format!("cancel-{execution}"),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        found(call(service.request_cancel_workflow_execution(request(cancel))).await).map(drop)
    }

    /// Ends an execution without asking it. Answers whether there was one to end.
    pub async fn terminate(
        &self,
        scope: &OrgScope,
        execution: &TemporalWorkflowId,
        reason: &str,
    ) -> Result<bool, Error> {
        let terminate = TerminateWorkflowExecutionRequest {
            namespace: namespace(scope),
            workflow_execution: Some(current_run(execution)),
            reason: reason.to_owned(),
            identity: IDENTITY.to_owned(),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        found(call(service.terminate_workflow_execution(request(terminate))).await).map(|done| done.is_some())
    }

    /// Takes an execution back to an earlier moment and answers the id of the run that goes on from there, if there was an execution.
    pub async fn reset(
        &self,
        scope: &OrgScope,
        execution: &TemporalWorkflowId,
        reset: Reset,
    ) -> Result<Option<String>, Error> {
        let reset = ResetWorkflowExecutionRequest {
            namespace: namespace(scope),
            workflow_execution: Some(current_run(execution)),
            reason: reset.reason,
            workflow_task_finish_event_id: reset.event,
            request_id: reset.request_id,
            identity: IDENTITY.to_owned(),
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        let done = found(call(service.reset_workflow_execution(request(reset))).await)?;
        Ok(done.map(|done| done.run_id))
    }
}

pub(crate) fn namespace(scope: &OrgScope) -> String {
    scope.namespace().as_str().to_owned()
}

/// Whichever run the workflow has come to.
fn current_run(workflow: &TemporalWorkflowId) -> WorkflowExecution {
    run_of(workflow, "")
}

fn run_of(workflow: &TemporalWorkflowId, run_id: &str) -> WorkflowExecution {
    WorkflowExecution { workflow_id: workflow.as_str().to_owned(), run_id: run_id.to_owned() }
}

/// A moment by Temporal's clock.
pub(crate) fn moment(seconds: i64, nanos: i32) -> Option<Timestamp> {
    Timestamp::from_timestamp(seconds, u32::try_from(nanos).ok()?)
}

/// What was answered of an execution, if there is one.
pub(crate) fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::NoExecution(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Temporal says so of a task queue that nobody polls, and of a workflow that nobody has begun to run.
fn is_without_worker(error: &Error) -> bool {
    let Error::Refused(cause) = error else { return false };
    cause.downcast_ref::<Status>().is_some_and(|status| status.code() == Code::FailedPrecondition)
}

pub(crate) fn payloads(value: &Value) -> Result<Payloads, Error> {
    Ok(Payloads { payloads: vec![payload(value)?] })
}

fn payload(value: &Value) -> Result<Payload, Error> {
    value.as_json_payload().map_err(Error::internal)
}

/// The bytes of the one payload, if it is JSON.
fn only_payload(payloads: Option<Payloads>) -> Option<Vec<u8>> {
    let payload = payloads?.payloads.pop()?;
    payload.is_json_payload().then_some(payload.data)
}
