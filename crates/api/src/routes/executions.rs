//! `/executions`, and `/workflows/{workflow}/executions`.

use std::sync::Arc;

use axum::{Extension, extract::State};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tenantry_domain::{
    Execution, ExecutionId, ExecutionStatus, Invalid, OrgScope, Page, Permission, Revision, ScheduleId,
    SignalName, TaskQueueName, TemporalWorkflowId, UserId, Work, WorkflowName, WorkflowType,
    execution::{HistoryEvent, HistoryPlace, TerminationReason},
};
use tenantry_dsl::json::Json;
use tenantry_services::{
    Services,
    executions::{Start, StartOwn},
};
use tenantry_storage::executions::Filter;
use utoipa::ToSchema;

use super::execution_events;
use crate::{
    input::{
        Body, Fields, InPath, LIMIT, NoQuery, OptionalBody, Paging, Parameters, Query, cursor, timestamp,
        word,
    },
    once::Begins,
    openapi::{Parameter, Routes, about, derived, values},
    output::{Accepted, Begun, Data, List, Listed, Located, Moment},
    permit::{CancelExecutions, ReadExecutions, SignalExecutions, StartExecutions, TerminateExecutions},
    problem::{Code, Problem},
    whole,
};

pub(super) fn routes() -> Routes {
    Routes::of("Executions", "Workflows at work.")
        .post(
            v0!("/workflows/{workflow}/executions"),
            start,
            about("start_execution", "Start a workflow")
                .detail("Once this answers it happens, whatever fails; it is `pending` until Temporal has it.")
                .may(&[Code::OrganizationNotReady, Code::QuotaExceeded]),
        )
        .get(
            v0!("/executions"),
            list,
            about("list_executions", "List executions")
                .detail("The newest first. Large inputs and outputs are left out of a list."),
        )
        .post(
            v0!("/executions"),
            start_own,
            about("start_own_execution", "Start a workflow type of one's own workers")
                .detail("The same workflow id again answers the execution that has it, if that was started with the same.")
                .may(&[Code::OrganizationNotReady, Code::QuotaExceeded]),
        )
        .get(v0!("/executions/{execution}"), read, about("get_execution", "Read an execution"))
        .get(
            v0!("/executions/{execution}/tasks"),
            tasks,
            about("list_tasks", "List the tasks that an execution has entered")
                .detail("In their order, all on one page. What one's own workers do has none."),
        )
        .get(
            v0!("/executions/{execution}/history"),
            history,
            about("list_history", "List what happened in an execution, event by event")
                .detail("As Temporal remembers it: for as long as the quota `retention_days` says after its end."),
        )
        .get(
            v0!("/executions/{execution}/events"),
            execution_events::events,
            about("follow_execution", "Follow an execution as it goes on")
                .detail("Server-sent events: `execution` when its status changes, `task` when a task's state does, until it has ended.")
                .may(&[Code::Invalid]),
        )
        .post(
            v0!("/executions/{execution}/cancel"),
            cancel,
            about("cancel_execution", "Ask an execution to stop"),
        )
        .post(
            v0!("/executions/{execution}/signal"),
            signal,
            about("signal_execution", "Send a signal to an execution").detail("To one that one's own workers do."),
        )
        .post(
            v0!("/executions/{execution}/terminate"),
            terminate,
            about("terminate_execution", "End an execution without asking it"),
        )
}

/// A run of a workflow.
#[derive(Serialize, ToSchema)]
#[schema(as = Execution)]
struct ExecutionView {
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
    fn of(execution: Execution, scope: &OrgScope) -> Self {
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
struct TaskView(Value);

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
struct HistoryEventView {
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

/// What to start a workflow with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StartExecution)]
struct StartBody {
    /// What it works on; an empty object, if nothing is said.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = values::Json)]
    input: Option<Value>,
    /// Which revision to run; the latest, if nothing is said.
    #[serde(default, deserialize_with = "whole::read")]
    #[schema(value_type = Option<values::Revision>)]
    revision: Option<Revision>,
    /// What the execution is to be called, so that a second attempt is the same.
    #[schema(value_type = Option<values::ChosenExecutionId>)]
    execution_id: Option<String>,
}

async fn start(
    StartExecutions(scope): StartExecutions,
    InPath(workflow): InPath<WorkflowName>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
    begins: Option<Extension<Begins>>,
    Body(body): Body<StartBody>,
) -> Result<Begun<ExecutionView>, Problem> {
    let mut fields = Fields::default();
    let id = fields.optional(body.execution_id, |id| chosen_id(&id));
    fields.finish()?;
    let id = id.or_else(|| called(begins));
    let start = Start { input: body.input, revision: body.revision, id };
    Ok(Begun(ExecutionView::of(services.executions.start(&scope, &workflow, start).await?, &scope)))
}

/// What an execution is called by the request that starts it.
fn called(begins: Option<Extension<Begins>>) -> Option<ExecutionId> {
    begins.map(|Extension(Begins(id))| id)
}

/// What one's own workers are to do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StartOwnExecution)]
struct StartOwnBody {
    /// Which of their workflow types.
    #[schema(value_type = values::WorkflowType)]
    workflow_type: Option<String>,
    /// Where they look for work.
    #[schema(value_type = values::TaskQueueName)]
    task_queue: Option<String>,
    /// What it is to be called in Temporal; the execution's id, if nothing is said.
    #[schema(value_type = Option<values::ChosenWorkflowId>)]
    workflow_id: Option<String>,
    /// What it works on; an empty object, if nothing is said.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = values::Json)]
    input: Option<Value>,
}

async fn start_own(
    StartExecutions(scope): StartExecutions,
    _: NoQuery,
    State(services): State<Arc<Services>>,
    begins: Option<Extension<Begins>>,
    Body(body): Body<StartOwnBody>,
) -> Result<Begun<ExecutionView>, Problem> {
    let mut fields = Fields::default();
    let workflow_type =
        fields.required("workflow_type", body.workflow_type, |name| WorkflowType::parse(&name));
    let task_queue = fields.required("task_queue", body.task_queue, |name| {
        TaskQueueName::parse(&name).and_then(TaskQueueName::of_own_workers)
    });
    let workflow_id = fields.optional(body.workflow_id, |id| TemporalWorkflowId::parse(&id));
    let (workflow_type, task_queue) = fields.finish_with(workflow_type.zip(task_queue))?;
    let id = called(begins);
    let start = StartOwn { workflow_type, task_queue, workflow_id, input: body.input, id };
    Ok(Begun(ExecutionView::of(services.executions.start_own(&scope, start).await?, &scope)))
}

/// An input that is there, be it null.
pub(super) fn given<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
    Json::deserialize(input).map(|Json(input)| Some(input))
}

/// Lists are in the order of ids, which is the order of time only if every id tells the time.
fn chosen_id(text: &str) -> Result<ExecutionId, Invalid> {
    let id = text.parse::<ExecutionId>().ok().filter(|id| id.uuid().get_version_num() == 7);
    id.ok_or_else(|| {
        Invalid::new("execution_id", "must be exe_ and a UUID version 7 in 26 characters, as in TypeID 0.3")
    })
}

/// Which executions are wanted.
struct Wanted;

impl Parameters for Wanted {
    const ALL: &[Parameter] = &[
        Parameter::new::<values::WorkflowName>("workflow", "Only those of this workflow."),
        Parameter::new::<values::ScheduleId>("schedule", "Only those that this schedule started."),
        Parameter::new::<values::ExecutionStatus>("status", "Only those that are so."),
        Parameter::new::<values::Timestamp>("started_after", "Only those that were accepted later."),
        Parameter::new::<values::Timestamp>("started_before", "Only those that were accepted earlier."),
        LIMIT,
        cursor::<values::ExecutionId>(),
    ];
}

async fn list(
    ReadExecutions(scope): ReadExecutions,
    State(services): State<Arc<Services>>,
    mut query: Query<Wanted>,
) -> Result<List<ExecutionView>, Problem> {
    let filter = Filter {
        workflow: query.take("workflow", |name| {
            WorkflowName::parse(name).map_err(|invalid| Invalid::new("workflow", invalid.message))
        }),
        schedule: query.take("schedule", |id| {
            id.parse().map_err(|_| Invalid::new("schedule", "must be the id of a schedule, sch_…"))
        }),
        status: query.take("status", |status| word("status", status)),
        started_after: query.take("started_after", |at| timestamp("started_after", at)),
        started_before: query.take("started_before", |at| timestamp("started_before", at)),
    };
    let page = query.page(ExecutionId::uuid);
    query.finish()?;
    let found = services.executions.list(&scope, &filter, page).await?;
    Ok(List(found.map(|execution| ExecutionView::of(execution, &scope))))
}

async fn read(
    ReadExecutions(scope): ReadExecutions,
    InPath(execution): InPath<ExecutionId>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Data<ExecutionView>, Problem> {
    Ok(Data(ExecutionView::of(services.executions.get(&scope, execution).await?, &scope)))
}

/// All of them at once: there is a bound.
async fn tasks(
    ReadExecutions(scope): ReadExecutions,
    InPath(execution): InPath<ExecutionId>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<List<TaskView>, Problem> {
    let items = services.executions.tasks(&scope, execution).await?;
    Ok(List(Page { items, more: false }.map(TaskView)))
}

async fn history(
    ReadExecutions(scope): ReadExecutions,
    InPath(execution): InPath<ExecutionId>,
    State(services): State<Arc<Services>>,
    mut query: Query<Paging<values::HistoryCursor>>,
) -> Result<List<HistoryEventView>, Problem> {
    let (limit, after) = (query.limit(), query.cursor());
    query.finish()?;
    let page = services.executions.history(&scope, execution, after, limit).await?;
    Ok(List(page.map(HistoryEventView::from)))
}

async fn cancel(
    CancelExecutions(scope): CancelExecutions,
    InPath(execution): InPath<ExecutionId>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Accepted<ExecutionView>, Problem> {
    let canceled = services.executions.cancel(&scope, execution).await?;
    Ok(Accepted(ExecutionView::of(canceled, &scope)))
}

/// A signal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Signal)]
struct SignalBody {
    /// What it is called.
    #[schema(value_type = values::SignalName)]
    name: Option<String>,
    /// What comes with it; null, if nothing is said.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = values::Json)]
    input: Option<Value>,
}

async fn signal(
    SignalExecutions(scope): SignalExecutions,
    InPath(execution): InPath<ExecutionId>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
    Body(body): Body<SignalBody>,
) -> Result<Accepted<ExecutionView>, Problem> {
    let mut fields = Fields::default();
    let name = fields.required("name", body.name, |name| SignalName::parse(&name));
    let name = fields.finish_with(name)?;
    let signalled = services.executions.signal(&scope, execution, name, body.input).await?;
    Ok(Accepted(ExecutionView::of(signalled, &scope)))
}

/// Why an execution is ended.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Termination)]
struct TerminateBody {
    /// What people read as its `status_reason`.
    #[schema(value_type = Option<values::TerminationReason>)]
    reason: Option<String>,
}

async fn terminate(
    TerminateExecutions(scope): TerminateExecutions,
    InPath(execution): InPath<ExecutionId>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
    OptionalBody(body): OptionalBody<TerminateBody>,
) -> Result<Data<ExecutionView>, Problem> {
    let mut fields = Fields::default();
    let reason = fields.optional(body.reason, |reason| TerminationReason::parse(&reason));
    fields.finish()?;
    let terminated = services.executions.terminate(&scope, execution, reason).await?;
    Ok(Data(ExecutionView::of(terminated, &scope)))
}
