//! `/workflows`: definitions, as YAML or JSON.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde::Serialize;
use serde_json::{Value, json};
use tenantry_domain::{Revision, UserId, Workflow, WorkflowId, WorkflowName};
use tenantry_services::{Error, Services};

use crate::{
    App,
    input::{InPath, Query, Source},
    output::{Created, Data, List, Listed, Moment},
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
    State(services): State<Arc<Services>>,
    Source(source): Source,
) -> Result<Response, Problem> {
    let name = WorkflowName::parse(&name).map_err(|invalid| Problem::invalid(&[invalid]))?;
    let applied = services.workflows.apply(&scope, &name, source).await?;
    let workflow = WorkflowView::from(applied.workflow);
    if applied.created {
        return Ok(Created { location: format!("/api/v0/workflows/{name}"), thing: workflow }.into_response());
    }
    Ok(Data(workflow).into_response())
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
) -> Result<Data<WorkflowView>, Problem> {
    Ok(Data(services.workflows.get(&scope, &name).await?.into()))
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
