//! `/executions`, and `/workflows/{workflow}/executions`.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
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

use crate::{
    App,
    input::{Body, Fields, InPath, OptionalBody, Query, timestamp, word},
    once::Begins,
    output::{Data, List, Listed, Moment},
    permit::{CancelExecutions, ReadExecutions, SignalExecutions, StartExecutions, TerminateExecutions},
    problem::Problem,
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(v0!("/workflows/{workflow}/executions"), post(start))
        .route(v0!("/executions"), get(list).post(start_own))
        .route(v0!("/executions/{execution}"), get(read))
        .route(v0!("/executions/{execution}/tasks"), get(tasks))
        .route(v0!("/executions/{execution}/history"), get(history))
        .route(v0!("/executions/{execution}/cancel"), post(cancel))
        .route(v0!("/executions/{execution}/signal"), post(signal))
        .route(v0!("/executions/{execution}/terminate"), post(terminate))
}

#[derive(Serialize)]
struct ExecutionView {
    id: ExecutionId,
    workflow: Option<String>,
    revision: Option<Revision>,
    workflow_type: Option<WorkflowType>,
    task_queue: Option<TaskQueueName>,
    workflow_id: TemporalWorkflowId,
    run_id: Option<String>,
    status: ExecutionStatus,
    #[serde(flatten)]
    contents: Option<Contents>,
    started_at: Moment,
    ended_at: Option<Moment>,
    started_by: Option<UserId>,
    schedule: Option<ScheduleId>,
}

/// What only those see who may read executions.
#[derive(Serialize)]
struct Contents {
    status_reason: Option<String>,
    input: Option<Value>,
    output: Option<Value>,
    error: Option<Value>,
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

impl Listed for TaskView {
    fn cursor(&self) -> String {
        String::new()
    }
}

#[derive(Serialize)]
struct HistoryEventView {
    #[serde(skip)]
    place: HistoryPlace,
    run_id: String,
    event_id: i64,
    at: Option<Moment>,
    #[serde(rename = "type")]
    kind: String,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartBody {
    #[serde(default, deserialize_with = "given")]
    input: Option<Value>,
    revision: Option<Revision>,
    execution_id: Option<String>,
}

async fn start(
    StartExecutions(scope): StartExecutions,
    InPath(workflow): InPath<WorkflowName>,
    State(services): State<Arc<Services>>,
    begins: Option<Extension<Begins>>,
    Body(body): Body<StartBody>,
) -> Result<impl IntoResponse, Problem> {
    let mut fields = Fields::default();
    let id = fields.optional(body.execution_id, |id| chosen_id(&id));
    fields.finish()?;
    let id = id.or_else(|| called(begins));
    let start = Start { input: body.input, revision: body.revision, id };
    Ok(accepted(services.executions.start(&scope, &workflow, start).await?, &scope))
}

/// What an execution is called by the request that starts it.
fn called(begins: Option<Extension<Begins>>) -> Option<ExecutionId> {
    begins.map(|Extension(Begins(id))| id)
}

/// What is begun, and where it is.
fn accepted(execution: Execution, scope: &OrgScope) -> impl IntoResponse + use<> {
    let location = format!("/api/v0/executions/{}", execution.id);
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Data(ExecutionView::of(execution, scope)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartOwnBody {
    workflow_type: Option<String>,
    task_queue: Option<String>,
    workflow_id: Option<String>,
    #[serde(default, deserialize_with = "given")]
    input: Option<Value>,
}

async fn start_own(
    StartExecutions(scope): StartExecutions,
    State(services): State<Arc<Services>>,
    begins: Option<Extension<Begins>>,
    Body(body): Body<StartOwnBody>,
) -> Result<impl IntoResponse, Problem> {
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
    Ok(accepted(services.executions.start_own(&scope, start).await?, &scope))
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

async fn list(
    ReadExecutions(scope): ReadExecutions,
    State(services): State<Arc<Services>>,
    mut query: Query,
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
    State(services): State<Arc<Services>>,
) -> Result<Data<ExecutionView>, Problem> {
    Ok(Data(ExecutionView::of(services.executions.get(&scope, execution).await?, &scope)))
}

/// All of them at once: there is a bound.
async fn tasks(
    ReadExecutions(scope): ReadExecutions,
    InPath(execution): InPath<ExecutionId>,
    State(services): State<Arc<Services>>,
) -> Result<List<TaskView>, Problem> {
    let items = services.executions.tasks(&scope, execution).await?;
    Ok(List(Page { items, more: false }.map(TaskView)))
}

async fn history(
    ReadExecutions(scope): ReadExecutions,
    InPath(execution): InPath<ExecutionId>,
    State(services): State<Arc<Services>>,
    mut query: Query,
) -> Result<List<HistoryEventView>, Problem> {
    let (limit, after) = (query.limit(), query.cursor());
    query.finish()?;
    let page = services.executions.history(&scope, execution, after, limit).await?;
    Ok(List(page.map(HistoryEventView::from)))
}

async fn cancel(
    CancelExecutions(scope): CancelExecutions,
    InPath(execution): InPath<ExecutionId>,
    State(services): State<Arc<Services>>,
) -> Result<(StatusCode, Data<ExecutionView>), Problem> {
    let canceled = services.executions.cancel(&scope, execution).await?;
    Ok((StatusCode::ACCEPTED, Data(ExecutionView::of(canceled, &scope))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalBody {
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    input: Option<Value>,
}

async fn signal(
    SignalExecutions(scope): SignalExecutions,
    InPath(execution): InPath<ExecutionId>,
    State(services): State<Arc<Services>>,
    Body(body): Body<SignalBody>,
) -> Result<(StatusCode, Data<ExecutionView>), Problem> {
    let mut fields = Fields::default();
    let name = fields.required("name", body.name, |name| SignalName::parse(&name));
    let name = fields.finish_with(name)?;
    let signalled = services.executions.signal(&scope, execution, name, body.input).await?;
    Ok((StatusCode::ACCEPTED, Data(ExecutionView::of(signalled, &scope))))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TerminateBody {
    reason: Option<String>,
}

async fn terminate(
    TerminateExecutions(scope): TerminateExecutions,
    InPath(execution): InPath<ExecutionId>,
    State(services): State<Arc<Services>>,
    OptionalBody(body): OptionalBody<TerminateBody>,
) -> Result<Data<ExecutionView>, Problem> {
    let mut fields = Fields::default();
    let reason = fields.optional(body.reason, |reason| TerminationReason::parse(&reason));
    fields.finish()?;
    let terminated = services.executions.terminate(&scope, execution, reason).await?;
    Ok(Data(ExecutionView::of(terminated, &scope)))
}
