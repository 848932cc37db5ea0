//! `/executions`, and `/workflows/{workflow}/executions`.

mod events;
mod view;

use std::sync::Arc;

use axum::{Extension, extract::State};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tenantry_domain::{
    ExecutionId, Invalid, Page, Revision, SignalName, TaskQueueName, TemporalWorkflowId, WorkflowName,
    WorkflowType, execution::TerminationReason,
};
use tenantry_dsl::json::Json;
use tenantry_services::{
    Services,
    executions::{Start, StartOwn},
};
use tenantry_storage::executions::Filter;
use utoipa::ToSchema;

use self::view::{ExecutionView, HistoryEventView, TaskView};
use crate::{
    input::{
        Body, Fields, InPath, LIMIT, NoQuery, OptionalBody, Paging, Parameters, Query, cursor, timestamp,
        word,
    },
    once::Begins,
    openapi::{Parameter, Routes, about, values},
    output::{Accepted, Begun, Data, List},
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
            events::follow,
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
