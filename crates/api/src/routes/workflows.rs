//! `/workflows`: definitions, as YAML or JSON.

use std::{str::FromStr, sync::Arc};

use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::Value;
use tenantry_domain::{PageRequest, Revision, UserId, Workflow, WorkflowId, WorkflowName};
use tenantry_dsl::ProblemCode;
use tenantry_services::{Error, Services};
use utoipa::ToSchema;

use crate::{
    if_match::IfMatch,
    input::{self, Draft, InPath, NoQuery, Paging, Query, Source},
    openapi::{Routes, about, derived, values},
    output::{Applied, Data, Gone, List, Listed, Located, Moment, Tagged},
    permit::{ReadWorkflows, WriteWorkflows},
    problem::{Code, Problem},
};

pub(super) fn routes() -> Routes {
    Routes::of("Workflows", "Definitions in the Open Workflow Specification's language, in revisions.")
        .get(
            v0!("/workflows"),
            list,
            about("list_workflows", "List the workflows, each in its latest revision")
                .detail("The newest first. Large definitions are left out of a list."),
        )
        .post(
            v0!("/workflows/validate"),
            validate,
            about("validate_workflow", "Tell what is wrong with a definition").detail("Nothing is kept of it."),
        )
        .get(v0!("/workflows/{workflow}"), read, about("get_workflow", "Read a workflow, in its latest revision"))
        .put(
            v0!("/workflows/{workflow}"),
            apply,
            about("apply_workflow", "Upload a definition")
                .detail("It is a new revision if it says something else than the latest one; how it is written does not count.")
                .may(&[Code::QuotaExceeded]),
        )
        .delete(
            v0!("/workflows/{workflow}"),
            delete,
            about("delete_workflow", "Delete a workflow")
                .detail("What it has started goes on. When its name is used again, its revisions go on where they ended. While schedules start it, it is not deleted.")
                .may(&[Code::Conflict]),
        )
        .get(
            v0!("/workflows/{workflow}/revisions"),
            revisions,
            about("list_revisions", "List the revisions of a workflow")
                .detail("The newest first. Large definitions are left out of a list."),
        )
        .get(
            v0!("/workflows/{workflow}/revisions/{revision}"),
            revision,
            about("get_revision", "Read one revision of a workflow"),
        )
}

/// One revision of a workflow.
#[derive(Serialize, ToSchema)]
#[schema(as = Workflow)]
struct WorkflowView {
    #[serde(skip)]
    id: WorkflowId,
    /// Its name, unique in the organization.
    #[schema(value_type = values::WorkflowName)]
    name: String,
    /// Which upload this is.
    #[schema(value_type = values::Revision)]
    revision: Revision,
    /// The definition's own `document.version`.
    #[schema(value_type = values::DocumentVersion)]
    document_version: String,
    /// SHA-256 over the definition's canonical JSON.
    #[schema(value_type = values::Digest)]
    digest: String,
    /// The definition as JSON; null in a list when it is large.
    #[schema(required, value_type = Option<values::Definition>)]
    definition: Value,
    /// When this revision was uploaded.
    created_at: Moment,
    /// By whom.
    #[schema(required, value_type = Option<values::UserId>)]
    created_by: Option<UserId>,
}

impl Located for WorkflowView {
    const PARAMETER: &'static str = "workflow";
    const PLACE: &'static str = "/data/name";

    fn location(&self) -> String {
        format!(v0!("/workflows/{}"), self.name)
    }
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
    _: NoQuery,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Source(source): Source,
) -> Result<Applied<WorkflowView>, Problem> {
    let name = WorkflowName::parse(&name).map_err(|invalid| Problem::invalid(&[invalid]))?;
    let applied = services.workflows.apply(&scope, &name, &expected, source).await?;
    Ok(Applied { is_new: applied.created, thing: Tagged::of(applied.workflow) })
}

/// Something wrong with a definition.
#[derive(Serialize, ToSchema)]
#[schema(as = DefinitionProblem)]
struct ProblemView {
    /// Where; empty for the whole document.
    #[schema(value_type = values::JsonPointer)]
    path: String,
    /// The line, from 1.
    #[schema(minimum = 0, example = 3)]
    line: usize,
    /// Which character of it, from 1.
    #[schema(minimum = 0, example = 12)]
    column: usize,
    /// What kind of mistake it is, for programs.
    #[schema(value_type = values::DefinitionProblemCode)]
    code: ProblemCode,
    /// What was expected, for people.
    #[schema(example = "must have one of call, set, switch, wait, do")]
    message: String,
}

/// Everything that is wrong with a definition; nothing, if it can be run.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(as = DefinitionProblems)]
struct ProblemsView(Vec<ProblemView>);

impl From<&tenantry_dsl::Problem> for ProblemView {
    fn from(problem: &tenantry_dsl::Problem) -> Self {
        let tenantry_dsl::Problem { path, line, column, code, message } = problem.clone();
        Self { path, line, column, code, message }
    }
}

async fn validate(
    ReadWorkflows(scope): ReadWorkflows,
    _: NoQuery,
    State(services): State<Arc<Services>>,
    Draft(source): Draft,
) -> Result<Data<ProblemsView>, Problem> {
    match services.workflows.parse(&scope, source).await {
        Ok(_) => Ok(Data(ProblemsView(Vec::new()))),
        Err(Error::Definition(error)) => {
            Ok(Data(ProblemsView(error.problems().iter().map(Into::into).collect())))
        }
        Err(error) => Err(error.into()),
    }
}

async fn read(
    ReadWorkflows(scope): ReadWorkflows,
    InPath(name): InPath<WorkflowName>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<WorkflowView>, Problem> {
    Ok(Tagged::of(services.workflows.get(&scope, &name).await?))
}

/// A revision among those of its workflow.
#[derive(Serialize)]
#[serde(transparent)]
struct RevisionView(WorkflowView);

derived::shaped_as!(RevisionView as WorkflowView);

impl Listed for RevisionView {
    fn cursor(&self) -> String {
        self.0.revision.to_string()
    }
}

/// The revision that a page comes after: all of it were uploaded before.
struct Before(Revision);

impl FromStr for Before {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        input::revision(text).map(Self).ok_or(())
    }
}

async fn revisions(
    ReadWorkflows(scope): ReadWorkflows,
    InPath(name): InPath<WorkflowName>,
    State(services): State<Arc<Services>>,
    mut query: Query<Paging<values::Revision>>,
) -> Result<List<RevisionView>, Problem> {
    let (before, page) = (query.cursor::<Before>(), PageRequest::new(None, query.limit()));
    query.finish()?;
    let before = before.map(|Before(revision)| revision);
    let found = services.workflows.revisions(&scope, &name, before, page).await?;
    Ok(List(found.map(|workflow| RevisionView(workflow.into()))))
}

async fn revision(
    ReadWorkflows(scope): ReadWorkflows,
    InPath(name): InPath<WorkflowName>,
    InPath(revision): InPath<Revision>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Data<WorkflowView>, Problem> {
    Ok(Data(services.workflows.revision(&scope, &name, revision).await?.into()))
}

async fn delete(
    WriteWorkflows(scope): WriteWorkflows,
    InPath(name): InPath<WorkflowName>,
    _: NoQuery,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
) -> Result<Gone, Problem> {
    services.workflows.delete(&scope, &name, &expected).await?;
    Ok(Gone)
}

async fn list(
    ReadWorkflows(scope): ReadWorkflows,
    State(services): State<Arc<Services>>,
    mut query: Query<Paging<values::WorkflowId>>,
) -> Result<List<WorkflowView>, Problem> {
    let page = query.page(WorkflowId::uuid);
    query.finish()?;
    Ok(List(services.workflows.list(&scope, page).await?.map(Into::into)))
}
