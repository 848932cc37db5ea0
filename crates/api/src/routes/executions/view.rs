//! What is shown of executions.

use serde::Serialize;
use serde_json::Value;
use tenantry_domain::{
    Execution, ExecutionId, ExecutionStatus, OrgScope, Permission, Revision, ScheduleId, TaskQueueName,
    TemporalWorkflowId, UserId, Work, WorkflowType,
    execution::{HistoryEvent, HistoryPlace},
};
use utoipa::ToSchema;

use crate::{
    openapi::{derived, values},
    output::{Listed, Located, Moment},
};

/// A run of a workflow.
#[derive(Serialize, ToSchema)]
#[schema(as = Execution)]
pub(super) struct ExecutionView {
    /// Names it for ever.
    #[schema(value_type = values::ExecutionId)]
    id: ExecutionId,
    /// The workflow that it runs; null for a type of one's own workers.
    #[schema(required, value_type = Option<values::WorkflowName>)]
    workflow: Option<String>,
    /// Which revision of it, from start to end.
    #[schema(required, value_type = Option<values::Revision>)]
    revision: Option<Revision>,
    /// The type that one's own workers run; null for a definition.
    #[schema(required, value_type = Option<values::WorkflowType>)]
    workflow_type: Option<WorkflowType>,
    /// Where those workers look for work.
    #[schema(required, value_type = Option<values::TaskQueueName>)]
    task_queue: Option<TaskQueueName>,
    /// What it is called in Temporal.
    #[schema(value_type = values::TemporalWorkflowId)]
    workflow_id: TemporalWorkflowId,
    /// Its run in Temporal, once there is one: the latest.
    #[schema(required, value_type = Option<values::RunId>)]
    run_id: Option<String>,
    /// Where it is in its life.
    #[schema(value_type = values::ExecutionStatus)]
    status: ExecutionStatus,
    #[serde(flatten)]
    #[schema(value_type = Contents)]
    contents: Option<Contents>,
    /// When it was accepted.
    started_at: Moment,
    /// When it ended.
    #[schema(required)]
    ended_at: Option<Moment>,
    /// By whom; null for what a schedule started.
    #[schema(required, value_type = Option<values::UserId>)]
    started_by: Option<UserId>,
    /// The schedule that started it, if one did. It may be gone since.
    #[schema(required, value_type = Option<values::ScheduleId>)]
    schedule: Option<ScheduleId>,
}

impl Located for ExecutionView {
    const PARAMETER: &'static str = "execution";

    fn location(&self) -> String {
        format!(v0!("/executions/{}"), self.id)
    }
}

/// What only those see who may read executions.
#[derive(Serialize, ToSchema)]
#[schema(as = ExecutionContents)]
struct Contents {
    /// What there is to say about the status.
    #[schema(example = "ended by a manager")]
    status_reason: Option<String>,
    /// What it was started with; null in a list when it is large.
    #[schema(required = false, value_type = values::Json)]
    input: Option<Value>,
    /// What it returned; null in a list when it is large.
    #[schema(required = false, value_type = values::Json)]
    output: Option<Value>,
    /// What it failed with: problem details, as the definition language has them.
    #[schema(value_type = Option<WorkflowErrorView>)]
    error: Option<Value>,
}

/// What a workflow failed with (RFC 7807).
#[derive(ToSchema)]
#[schema(as = WorkflowError)]
#[expect(dead_code, reason = "the interpreter writes it; this tells its shape")]
struct WorkflowErrorView {
    /// A URI that names the kind of error.
    #[serde(rename = "type")]
    #[schema(example = "https://open-workflow-specification.org/spec/1.0.0/errors/expression")]
    kind: String,
    /// A status code, of HTTP where one fits.
    #[schema(minimum = 0, maximum = 65535, example = 400)]
    status: u16,
    /// What the kind of error is.
    #[schema(example = "Expression Error")]
    title: Option<String>,
    /// What happened this time.
    #[schema(example = "cannot calculate {\"a\":1} * 2")]
    detail: Option<String>,
    /// The task that raised it.
    #[schema(value_type = Option<values::JsonPointer>)]
    instance: Option<String>,
}

impl ExecutionView {
    /// As much of it as the scope's actor may see.
    pub(super) fn of(execution: Execution, scope: &OrgScope) -> Self {
        let (workflow, revision, workflow_type, task_queue) = match execution.work {
            Work::Definition { workflow, revision } => (Some(workflow), Some(revision), None, None),
            Work::Own { workflow_type, task_queue } => (None, None, Some(workflow_type), Some(task_queue)),
        };
        let contents = Contents {
            status_reason: execution.status_reason,
            input: execution.input,
            output: execution.output,
            error: execution.error,
        };
        Self {
            id: execution.id,
            workflow,
            revision,
            workflow_type,
            task_queue,
            workflow_id: execution.workflow_id,
            run_id: execution.run_id,
            status: execution.status,
            contents: scope.allows(Permission::ReadExecutions).then_some(contents),
            started_at: execution.started_at.into(),
            ended_at: execution.ended_at.map(Into::into),
            started_by: execution.started_by,
            schedule: execution.schedule,
        }
    }
}

impl Listed for ExecutionView {
    fn cursor(&self) -> String {
        self.id.to_string()
    }
}

/// A task in the form in which the interpreter tells it.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct TaskView(pub(super) Value);

/// A task that was entered; once for each time that it was.
#[derive(ToSchema)]
#[schema(as = Task)]
#[expect(dead_code, reason = "the interpreter writes it; this tells its shape")]
struct TaskShape {
    /// Which of all the tasks that the execution has entered, from 1: it tells one time that a task was entered from another.
    #[schema(required = false, minimum = 1, example = 1)]
    entry: u64,
    /// The place of its latest change among all changes of the execution's tasks, from 1.
    #[schema(required = false, minimum = 1, example = 2)]
    change: u64,
    /// Its definition.
    #[schema(value_type = values::JsonPointer)]
    reference: String,
    /// Its name.
    #[schema(example = "price")]
    name: String,
    /// What it does: the word that sets its type apart.
    #[serde(rename = "type")]
    #[schema(example = "set")]
    kind: String,
    /// Where it is.
    #[schema(value_type = values::TaskStatus)]
    status: String,
    /// When it was entered.
    started_at: Moment,
    /// When it was left.
    #[schema(required)]
    ended_at: Option<Moment>,
    /// Which attempt this is, from 1.
    #[schema(minimum = 1, example = 1)]
    attempt: u32,
    /// What it failed with.
    #[schema(required)]
    error: Option<WorkflowErrorView>,
}

derived::shaped_as!(TaskView as TaskShape);

impl Listed for TaskView {
    fn cursor(&self) -> String {
        String::new()
    }
}

/// Something that happened in an execution.
#[derive(Serialize, ToSchema)]
#[schema(as = HistoryEvent)]
pub(super) struct HistoryEventView {
    #[serde(skip)]
    place: HistoryPlace,
    /// In which of its runs.
    #[schema(value_type = values::RunId)]
    run_id: String,
    /// Its number in that run, from 1.
    #[schema(minimum = 1, example = 5)]
    event_id: i64,
    /// When, by Temporal's clock.
    #[schema(required)]
    at: Option<Moment>,
    /// What, in Temporal's word for it.
    #[serde(rename = "type")]
    #[schema(example = "TimerFired")]
    kind: String,
    /// What there is to say about it, in Temporal's form. What is large is left out, with how large it is.
    #[schema(value_type = values::Json)]
    attributes: Value,
}

impl From<HistoryEvent> for HistoryEventView {
    fn from(event: HistoryEvent) -> Self {
        let HistoryEvent { place, at, kind, attributes } = event;
        let (run_id, event_id) = (place.run_id.to_string(), place.event_id);
        Self { place, run_id, event_id, at: at.map(Into::into), kind, attributes }
    }
}

impl Listed for HistoryEventView {
    fn cursor(&self) -> String {
        self.place.to_string()
    }
}
