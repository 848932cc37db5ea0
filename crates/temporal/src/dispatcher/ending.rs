//! What became of an execution, as Temporal knows it.

use std::iter::successors;

use serde_json::Value;
use temporalio_common::protos::{
    coresdk::FromJsonPayloadExt as _,
    temporal::api::{
        common::v1::Payloads,
        enums::v1::{HistoryEventFilterType, WorkflowExecutionStatus},
        failure::v1::{Failure, failure::FailureInfo},
        history::v1::{HistoryEvent, history_event::Attributes},
        workflow::v1::WorkflowExecutionInfo,
        workflowservice::v1::{DescribeWorkflowExecutionRequest, GetWorkflowExecutionHistoryRequest},
    },
};
use tenantry_domain::{
    OrgScope, TemporalWorkflowId, Timestamp,
    execution::{Handle, Outcome},
};
use tenantry_dsl::{ErrorType, WorkflowError, json, limits};

use super::{Dispatcher, found, moment, namespace, run_of};
use crate::{
    Error,
    connection::{call, request},
};

/// The key, in the memo of a workflow with an id that somebody chose, of the execution that it was started for. Whatever else takes
/// that id has it not.
pub(super) const EXECUTION: &str = "tenantry.execution";
/// How many runs of one workflow are followed to find its end.
const MOST_RUNS: usize = 20;
/// How many causes of a failure are told.
const MOST_CAUSES: usize = 5;
/// The length of a failure's type, in characters.
const TITLE_LIMIT: usize = 200;
const NULL_ENCODING: &[u8] = b"binary/null";

/// Where an execution is.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// In this run.
    Running {
        /// The run.
        run_id: String,
    },
    /// At its end.
    Ended {
        /// The last run.
        run_id: String,
        /// How it ended.
        outcome: Outcome,
        /// When.
        at: Option<Timestamp>,
    },
    /// Nowhere: it was deleted, or is kept no longer.
    Nowhere,
}

/// A run of a workflow.
pub(super) struct Run {
    pub(super) id: String,
    pub(super) first: Option<String>,
    is_open: bool,
    workflow_id: String,
    execution: Option<String>,
}

impl Run {
    fn of(info: WorkflowExecutionInfo) -> Option<Self> {
        let memo = info.memo.unwrap_or_default().fields.remove(EXECUTION);
        let status = WorkflowExecutionStatus::try_from(info.status).unwrap_or_default();
        let running = info.execution?;
        Some(Self {
            id: running.run_id,
            first: Some(info.first_run_id).filter(|first| !first.is_empty()),
            // A paused workflow has not ended.
            is_open: matches!(status, WorkflowExecutionStatus::Running) || info.close_time.is_none(),
            workflow_id: running.workflow_id,
            execution: memo.and_then(|memo| String::from_json_payload(&memo).ok()),
        })
    }

    /// Whether it is a run of this execution: it follows the first, or says so, or has an id that the deployment gives to nobody else.
    pub(super) fn is_of(&self, handle: &Handle) -> bool {
        let id = handle.id.to_string();
        let follows = self.first.is_some() && self.first == handle.first_run_id;
        follows || self.execution.as_ref() == Some(&id) || self.workflow_id == id
    }
}

/// How a run closed.
enum Close {
    Ended(Outcome),
    /// Another run goes on.
    GoesOn(String),
}

impl Dispatcher {
    /// Looks where an execution is, however often its workflow has continued as a new one.
    pub async fn look(&self, scope: &OrgScope, handle: &Handle) -> Result<Seen, Error> {
        let run_id = match self.run(scope, &handle.workflow_id, "").await? {
            None => return Ok(Seen::Nowhere),
            Some(run) if run.is_of(handle) && run.is_open => return Ok(Seen::Running { run_id: run.id }),
            Some(run) if run.is_of(handle) => run.id,
            // Another workflow has the id by now, so this one has ended: the run that was known leads there.
            Some(_) => match &handle.run_id {
                Some(known) => known.clone(),
                None => return Ok(Seen::Nowhere),
            },
        };
        self.end_from(scope, &handle.workflow_id, run_id).await
    }

    /// A run of a workflow; the current one, if none is named.
    pub(super) async fn run(
        &self,
        scope: &OrgScope,
        workflow: &TemporalWorkflowId,
        run_id: &str,
    ) -> Result<Option<Run>, Error> {
        let describe = DescribeWorkflowExecutionRequest {
            namespace: namespace(scope),
            execution: Some(run_of(workflow, run_id)),
        };
        let mut service = self.temporal.workflow_service().await?;
        let described = found(call(service.describe_workflow_execution(request(describe))).await)?;
        Ok(described.and_then(|described| described.workflow_execution_info).and_then(Run::of))
    }

    async fn end_from(
        &self,
        scope: &OrgScope,
        workflow: &TemporalWorkflowId,
        mut run_id: String,
    ) -> Result<Seen, Error> {
        for _ in 0..MOST_RUNS {
            let Some(event) = self.last_event(scope, workflow, &run_id).await? else {
                return Ok(Seen::Nowhere);
            };
            let at = event.event_time.and_then(|at| moment(at.seconds, at.nanos));
            match event.attributes.and_then(closed) {
                Some(Close::Ended(outcome)) => return Ok(Seen::Ended { run_id, outcome, at }),
                Some(Close::GoesOn(next)) => run_id = next,
                None => return Ok(Seen::Running { run_id }),
            }
        }
        Ok(Seen::Running { run_id })
    }

    /// The last event of a run that has closed.
    async fn last_event(
        &self,
        scope: &OrgScope,
        workflow: &TemporalWorkflowId,
        run_id: &str,
    ) -> Result<Option<HistoryEvent>, Error> {
        let history = GetWorkflowExecutionHistoryRequest {
            namespace: namespace(scope),
            execution: Some(run_of(workflow, run_id)),
            history_event_filter_type: HistoryEventFilterType::CloseEvent.into(),
            skip_archival: true,
            ..Default::default()
        };
        let mut service = self.temporal.workflow_service().await?;
        let history = found(call(service.get_workflow_execution_history(request(history))).await)?;
        Ok(history.and_then(|answer| answer.history).and_then(|mut history| history.events.pop()))
    }
}

fn closed(attributes: Attributes) -> Option<Close> {
    use Attributes as A;
    let (outcome, next) = match attributes {
        A::WorkflowExecutionCompletedEventAttributes(end) => {
            (completed(end.result), end.new_execution_run_id)
        }
        A::WorkflowExecutionFailedEventAttributes(end) => {
            (Outcome::Failed(failed(end.failure.as_ref())), end.new_execution_run_id)
        }
        A::WorkflowExecutionTimedOutEventAttributes(end) => (Outcome::TimedOut, end.new_execution_run_id),
        A::WorkflowExecutionCanceledEventAttributes(_) => (Outcome::Canceled, String::new()),
        A::WorkflowExecutionTerminatedEventAttributes(end) => {
            (Outcome::Terminated(bounded(&end.reason, 4 * TITLE_LIMIT)), String::new())
        }
        A::WorkflowExecutionContinuedAsNewEventAttributes(end) => {
            return Some(Close::GoesOn(end.new_execution_run_id));
        }
        _ => return None,
    };
    Some(if next.is_empty() { Close::Ended(outcome) } else { Close::GoesOn(next) })
}

/// What a workflow returned, if it is one value of JSON that is no larger than values may be.
fn completed(result: Option<Payloads>) -> Outcome {
    let mut payloads = result.unwrap_or_default().payloads;
    let (Some(only), true) = (payloads.pop(), payloads.is_empty()) else {
        return match payloads.len() {
            0 => Outcome::Completed(Value::Null),
            _ => Outcome::CompletedUnread("the output is more than one value".into()),
        };
    };
    if only.metadata.get("encoding").is_some_and(|encoding| encoding == NULL_ENCODING) {
        return Outcome::Completed(Value::Null);
    }
    if !only.is_json_payload() {
        return Outcome::CompletedUnread("the output is not JSON".into());
    }
    match json::read(&only.data) {
        Err(_) => Outcome::CompletedUnread("the output is not JSON".into()),
        Ok(output) => match limits::check(&output) {
            Err(why) => Outcome::CompletedUnread(format!("the output is not kept: {why}").into()),
            Ok(_) => Outcome::Completed(output),
        },
    }
}

/// A failure of somebody's own worker, as the definition language tells errors.
fn failed(failure: Option<&Failure>) -> Value {
    let failures = || successors(failure, |failure| failure.cause.as_deref()).take(MOST_CAUSES);
    let detail = failures().map(|failure| failure.message.as_str()).collect::<Vec<_>>().join(": ");
    let title = failures().find_map(|failure| match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) if !info.r#type.is_empty() => Some(&info.r#type),
        _ => None,
    });
    let mut error = WorkflowError::new(ErrorType::Runtime, detail);
    if let Some(title) = title {
        error.title = Some(bounded(title, TITLE_LIMIT));
    }
    serde_json::to_value(error).unwrap_or_default()
}

fn bounded(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}
