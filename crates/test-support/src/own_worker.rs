//! A worker of an organization's own, by hand: it polls a task queue and answers each workflow task as the test says. And what
//! else somebody does in a namespace directly.

use std::time::Duration;

use temporalio_client::{Connection, ConnectionOptions, grpc::WorkflowService, tonic::IntoRequest as _};
use temporalio_common::protos::{
    coresdk::AsJsonPayloadExt as _,
    temporal::api::{
        command::v1::{
            CancelWorkflowExecutionCommandAttributes, Command, CompleteWorkflowExecutionCommandAttributes,
            ContinueAsNewWorkflowExecutionCommandAttributes, FailWorkflowExecutionCommandAttributes,
            command::Attributes,
        },
        common::v1::{Payload, Payloads, WorkflowExecution, WorkflowType},
        enums::v1::CommandType,
        failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
        history::v1::{HistoryEvent, history_event},
        taskqueue::v1::TaskQueue,
        workflowservice::v1::{
            DeleteWorkflowExecutionRequest, DescribeWorkflowExecutionRequest, PollWorkflowTaskQueueRequest,
            PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedRequest,
            TerminateWorkflowExecutionRequest,
        },
    },
};
use tenantry_domain::Namespace;
use tokio::time::timeout;

use crate::{Servers, app::within};

/// How long a task may take to come.
const LIMIT: Duration = Duration::from_secs(30);
/// How long Temporal may take to delete a workflow: it waits until its end is in the visibility store, and looks for that ever less often.
const DELETION: Duration = Duration::from_mins(2);

/// The worker.
pub struct OwnWorker {
    service: Box<dyn WorkflowService>,
    namespace: String,
    task_queue: String,
}

/// A workflow task that waits for its answer.
pub struct WorkflowTask {
    task: PollWorkflowTaskQueueResponse,
}

/// How a workflow ends, or goes on.
pub enum Answer {
    /// It waits.
    Wait,
    /// With this as JSON.
    Complete(String),
    /// With bytes that are not JSON.
    CompleteWith(Vec<u8>),
    /// With an error of this type and with this message, caused by another of the same.
    Fail(&'static str, &'static str),
    /// As it was asked to.
    Cancel,
    /// As a new run of the same.
    ContinueAsNew,
}

impl OwnWorker {
    /// One that polls this task queue of the run's Temporal.
    pub async fn new(namespace: &Namespace, task_queue: &str) -> Self {
        let address = Servers::get().temporal_address.trim_start_matches("http://");
        let url: url::Url = format!("http://{address}").parse().expect("the run's Temporal has an address");
        let connection = Connection::connect(ConnectionOptions::new(url).build()).await;
        let service = connection.expect("the run's Temporal answers").workflow_service();
        Self { service, namespace: namespace.as_str().to_owned(), task_queue: task_queue.to_owned() }
    }

    /// The next task.
    pub async fn task(&mut self) -> WorkflowTask {
        let poll = PollWorkflowTaskQueueRequest {
            namespace: self.namespace.clone(),
            task_queue: Some(TaskQueue { name: self.task_queue.clone(), ..Default::default() }),
            identity: "own worker".to_owned(),
            ..Default::default()
        };
        let polled = timeout(LIMIT, self.service.poll_workflow_task_queue(poll.into_request())).await;
        let task = polled.expect("a task in time").expect("a poll").into_inner();
        assert!(!task.task_token.is_empty(), "there is a task");
        WorkflowTask { task }
    }

    /// Answers it.
    pub async fn answer(&mut self, task: WorkflowTask, answer: Answer) {
        let workflow_type = task.workflow_type();
        let response = RespondWorkflowTaskCompletedRequest {
            namespace: self.namespace.clone(),
            task_token: task.task.task_token,
            identity: "own worker".to_owned(),
            commands: command(answer, workflow_type, &self.task_queue).into_iter().collect(),
            ..Default::default()
        };
        let done = self.service.respond_workflow_task_completed(response.into_request()).await;
        done.expect("the answer is taken");
    }

    /// Ends a workflow as somebody does who has Temporal's own tools.
    pub async fn terminate(&mut self, workflow_id: &str) {
        let terminate = TerminateWorkflowExecutionRequest {
            namespace: self.namespace.clone(),
            workflow_execution: Some(execution(workflow_id)),
            reason: "by hand".to_owned(),
            ..Default::default()
        };
        let done = self.service.terminate_workflow_execution(terminate.into_request()).await;
        done.expect("it is ended");
    }

    /// Deletes a workflow as somebody does who has Temporal's own tools, and waits until it is gone.
    pub async fn delete(&mut self, workflow_id: &str) {
        let delete = DeleteWorkflowExecutionRequest {
            namespace: self.namespace.clone(),
            workflow_execution: Some(execution(workflow_id)),
        };
        self.service.delete_workflow_execution(delete.into_request()).await.expect("it is to go");
        let service = tokio::sync::Mutex::new(&mut self.service);
        let describe = DescribeWorkflowExecutionRequest {
            namespace: self.namespace.clone(),
            execution: Some(execution(workflow_id)),
        };
        within(DELETION, "the workflow is gone", async || {
            let described = describe.clone().into_request();
            service.lock().await.describe_workflow_execution(described).await.err()
        })
        .await;
    }

    /// Takes the next task and answers it.
    pub async fn answer_next(&mut self, answer: Answer) {
        let task = self.task().await;
        self.answer(task, answer).await;
    }
}

impl WorkflowTask {
    /// The type of its workflow.
    pub fn workflow_type(&self) -> String {
        self.task.workflow_type.clone().unwrap_or_default().name
    }

    /// The id of its workflow, and of the run.
    pub fn execution(&self) -> (String, String) {
        let execution = self.task.workflow_execution.clone().unwrap_or_default();
        (execution.workflow_id, execution.run_id)
    }

    /// What the workflow was started with, as JSON.
    pub fn input(&self) -> Vec<String> {
        self.events()
            .find_map(|event| match event {
                history_event::Attributes::WorkflowExecutionStartedEventAttributes(started) => {
                    Some(texts(started.input.clone()))
                }
                _ => None,
            })
            .unwrap_or_default()
    }

    /// The signals so far: their names, and what came with them.
    pub fn signals(&self) -> Vec<(String, Vec<String>)> {
        let signal = |event: &history_event::Attributes| match event {
            history_event::Attributes::WorkflowExecutionSignaledEventAttributes(signal) => {
                Some((signal.signal_name.clone(), texts(signal.input.clone())))
            }
            _ => None,
        };
        self.events().filter_map(signal).collect()
    }

    /// Whether it was asked to stop.
    pub fn is_to_cancel(&self) -> bool {
        self.events().any(|event| {
            matches!(event, history_event::Attributes::WorkflowExecutionCancelRequestedEventAttributes(_))
        })
    }

    fn events(&self) -> impl Iterator<Item = &history_event::Attributes> {
        let events: &[HistoryEvent] =
            self.task.history.as_ref().map(|history| &history.events[..]).unwrap_or_default();
        events.iter().filter_map(|event| event.attributes.as_ref())
    }
}

fn execution(workflow_id: &str) -> WorkflowExecution {
    WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() }
}

fn texts(payloads: Option<Payloads>) -> Vec<String> {
    let payloads = payloads.unwrap_or_default().payloads;
    payloads.into_iter().map(|payload| String::from_utf8_lossy(&payload.data).into_owned()).collect()
}

fn command(answer: Answer, workflow_type: String, task_queue: &str) -> Option<Command> {
    let (kind, attributes) = match answer {
        Answer::Wait => return None,
        Answer::Complete(json) => complete(json_payload(json)),
        Answer::CompleteWith(data) => complete(Payload { data, ..Default::default() }),
        Answer::Fail(of_type, message) => {
            let failure = failure(of_type, message, Some(Box::new(failure(of_type, message, None))));
            let failed = FailWorkflowExecutionCommandAttributes { failure: Some(failure) };
            (CommandType::FailWorkflowExecution, Attributes::FailWorkflowExecutionCommandAttributes(failed))
        }
        Answer::Cancel => (
            CommandType::CancelWorkflowExecution,
            Attributes::CancelWorkflowExecutionCommandAttributes(
                CancelWorkflowExecutionCommandAttributes::default(),
            ),
        ),
        Answer::ContinueAsNew => {
            let again = ContinueAsNewWorkflowExecutionCommandAttributes {
                workflow_type: Some(WorkflowType { name: workflow_type }),
                task_queue: Some(TaskQueue { name: task_queue.to_owned(), ..Default::default() }),
                ..Default::default()
            };
            (
                CommandType::ContinueAsNewWorkflowExecution,
                Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(again),
            )
        }
    };
    Some(Command { command_type: kind.into(), attributes: Some(attributes), ..Default::default() })
}

fn complete(payload: Payload) -> (CommandType, Attributes) {
    let result = Some(Payloads { payloads: vec![payload] });
    let completed = CompleteWorkflowExecutionCommandAttributes { result };
    (
        CommandType::CompleteWorkflowExecution,
        Attributes::CompleteWorkflowExecutionCommandAttributes(completed),
    )
}

fn json_payload(json: String) -> Payload {
    let any = ().as_json_payload().expect("a payload");
    Payload { data: json.into_bytes(), ..any }
}

fn failure(of_type: &str, message: &str, cause: Option<Box<Failure>>) -> Failure {
    let info = ApplicationFailureInfo { r#type: of_type.to_owned(), ..Default::default() };
    Failure {
        message: message.to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        cause,
        ..Default::default()
    }
}
