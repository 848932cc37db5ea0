//! `/executions`, and `/workflows/{workflow}/executions`.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tenantry_domain::{Execution, ExecutionId, ExecutionStatus, Invalid, Revision, UserId, WorkflowName};
use tenantry_services::{Services, executions::Start};
use tenantry_storage::executions::Filter;

use crate::{
    App,
    input::{Body, Fields, InPath, Query, timestamp, word},
    output::{Data, List, Listed, Moment},
    permit::{CancelExecutions, ReadExecutions, StartExecutions},
    problem::Problem,
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(v0!("/workflows/{workflow}/executions"), post(start))
        .route(v0!("/executions"), get(list))
        .route(v0!("/executions/{execution}"), get(read))
        .route(v0!("/executions/{execution}/cancel"), post(cancel))
}

#[derive(Serialize)]
struct ExecutionView {
    id: ExecutionId,
    workflow: String,
    revision: Revision,
    workflow_id: ExecutionId,
    run_id: Option<String>,
    status: ExecutionStatus,
    input: Option<Value>,
    output: Option<Value>,
    error: Option<Value>,
    started_at: Moment,
    ended_at: Option<Moment>,
    started_by: Option<UserId>,
}

impl From<Execution> for ExecutionView {
    fn from(execution: Execution) -> Self {
        let Execution {
            id,
            workflow,
            revision,
            run_id,
            status,
            input,
            output,
            error,
            started_at,
            ended_at,
            started_by,
        } = execution;
        Self {
            id,
            workflow,
            revision,
            workflow_id: id,
            run_id,
            status,
            input,
            output,
            error,
            started_at: started_at.into(),
            ended_at: ended_at.map(Into::into),
            started_by,
        }
    }
}

impl Listed for ExecutionView {
    fn cursor(&self) -> String {
        self.id.to_string()
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
    Body(body): Body<StartBody>,
) -> Result<impl IntoResponse, Problem> {
    let mut fields = Fields::default();
    let id = fields.optional(body.execution_id, |id| chosen_id(&id));
    fields.finish()?;
    let start = Start { input: body.input, revision: body.revision, id };
    let execution = services.executions.start(&scope, &workflow, start).await?;
    let location = format!("/api/v0/executions/{}", execution.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Data(ExecutionView::from(execution))))
}

/// An input that is there, be it null.
fn given<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(input).map(Some)
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
        status: query.take("status", |status| word("status", status)),
        started_after: query.take("started_after", |at| timestamp("started_after", at)),
        started_before: query.take("started_before", |at| timestamp("started_before", at)),
    };
    let page = query.page(ExecutionId::uuid);
    query.finish()?;
    Ok(List(services.executions.list(&scope, &filter, page).await?.map(Into::into)))
}

async fn read(
    ReadExecutions(scope): ReadExecutions,
    InPath(execution): InPath<ExecutionId>,
    State(services): State<Arc<Services>>,
) -> Result<Data<ExecutionView>, Problem> {
    Ok(Data(services.executions.get(&scope, execution).await?.into()))
}

async fn cancel(
    CancelExecutions(scope): CancelExecutions,
    InPath(execution): InPath<ExecutionId>,
    State(services): State<Arc<Services>>,
) -> Result<(StatusCode, Data<ExecutionView>), Problem> {
    Ok((StatusCode::ACCEPTED, Data(services.executions.cancel(&scope, execution).await?.into())))
}
