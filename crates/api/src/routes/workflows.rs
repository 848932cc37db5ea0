//! `/workflows`: definitions, as YAML or JSON.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde::Serialize;
use serde_json::{Value, json};
use tenantry_domain::{Revision, UserId, Workflow, WorkflowId, WorkflowName};
use tenantry_services::{Error, Services};

use crate::{
    App,
    if_match::IfMatch,
    input::{InPath, Query, Source},
    output::{Data, List, Listed, Moment, Tagged},
    permit::{ReadWorkflows, WriteWorkflows},
    problem::Problem,
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(v0!("/workflows"), get(list))
        .route(v0!("/workflows/validate"), post(validate))
        .route(v0!("/workflows/{workflow}"), get(read).put(apply))
}

#[derive(Serialize)]
struct WorkflowView {
    #[serde(skip)]
    id: WorkflowId,
    name: String,
    revision: Revision,
    document_version: String,
    digest: String,
    definition: Value,
    created_at: Moment,
    created_by: Option<UserId>,
}

impl From<Workflow> for WorkflowView {
    fn from(workflow: Workflow) -> Self {
        let Workflow { id, name, revision, document_version, digest, definition, created_at, created_by } =
            workflow;
        let created_at = created_at.into();
        Self { id, name, revision, document_version, digest, definition, created_at, created_by }
    }
}

impl Listed for WorkflowView {
    fn cursor(&self) -> String {
        self.id.to_string()
    }
}

async fn apply(
    WriteWorkflows(scope): WriteWorkflows,
    Path(name): Path<String>,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Source(source): Source,
) -> Result<Response, Problem> {
    let name = WorkflowName::parse(&name).map_err(|invalid| Problem::invalid(&[invalid]))?;
    let applied = services.workflows.apply(&scope, &name, &expected, source).await?;
    let workflow = Tagged::<WorkflowView>::of(applied.workflow);
    if applied.created {
        let location = [(header::LOCATION, format!("/api/v0/workflows/{name}"))];
        return Ok((StatusCode::CREATED, location, workflow).into_response());
    }
    Ok(workflow.into_response())
}

async fn validate(
    ReadWorkflows(scope): ReadWorkflows,
    State(services): State<Arc<Services>>,
    Source(source): Source,
) -> Result<Data<Value>, Problem> {
    match services.workflows.parse(&scope, source).await {
        Ok(_) => Ok(Data(json!([]))),
        Err(Error::Definition(error)) => Ok(Data(json!(error.problems()))),
        Err(error) => Err(error.into()),
    }
}

async fn read(
    ReadWorkflows(scope): ReadWorkflows,
    InPath(name): InPath<WorkflowName>,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<WorkflowView>, Problem> {
    Ok(Tagged::of(services.workflows.get(&scope, &name).await?))
}

async fn list(
    ReadWorkflows(scope): ReadWorkflows,
    State(services): State<Arc<Services>>,
    mut query: Query,
) -> Result<List<WorkflowView>, Problem> {
    let page = query.page(WorkflowId::uuid);
    query.finish()?;
    Ok(List(services.workflows.list(&scope, page).await?.map(Into::into)))
}
