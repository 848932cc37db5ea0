//! `/organizations`.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tenantry_domain::{
    Invalid, Namespace, Organization, OrganizationId, OrganizationName, OrganizationStatus, Slug,
};
use tenantry_services::{Services, organizations::Running};

use crate::{
    App,
    if_match::IfMatch,
    input::{Body, Fields, OptionalBody, Query},
    output::{Created, Data, List, Listed, Moment, Tagged},
    permit::{ManageOrganization, ManageOrganizations, ReadOrganization, WriteOrganization},
    problem::Problem,
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(v0!("/organizations"), get(list).post(create))
        .route(v0!("/organizations/{org}"), get(read).patch(rename).delete(delete))
        .route(v0!("/organizations/{org}/suspend"), post(suspend))
        .route(v0!("/organizations/{org}/resume"), post(resume))
        .route(v0!("/organizations/{org}/retry-provisioning"), post(retry_provisioning))
}

#[derive(Serialize)]
pub(super) struct OrganizationView {
    id: OrganizationId,
    slug: Slug,
    name: String,
    status: OrganizationStatus,
    status_reason: Option<String>,
    namespace: Namespace,
    created_at: Moment,
    updated_at: Moment,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        let Organization { id, slug, name, status, status_reason, namespace, created_at, updated_at } =
            organization;
        let (created_at, updated_at) = (created_at.into(), updated_at.into());
        Self { id, slug, name, status, status_reason, namespace, created_at, updated_at }
    }
}

impl Listed for OrganizationView {
    fn cursor(&self) -> String {
        self.id.to_string()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrganization {
    slug: Option<String>,
    name: Option<String>,
}

async fn create(
    ManageOrganizations(admin): ManageOrganizations,
    State(services): State<Arc<Services>>,
    Body(body): Body<NewOrganization>,
) -> Result<Created<OrganizationView>, Problem> {
    let mut fields = Fields::default();
    let slug = fields.required("slug", body.slug, |slug| Slug::parse(&slug));
    let name = fields.required("name", body.name, |name| OrganizationName::parse(&name));
    let (slug, name) = fields.finish_with(slug.zip(name))?;
    let organization = services.organizations.create(&admin, &slug, &name).await?;
    Ok(Created { location: format!("/api/v0/organizations/{}", organization.id), thing: organization.into() })
}

async fn list(
    ManageOrganizations(_): ManageOrganizations,
    State(services): State<Arc<Services>>,
    mut query: Query,
) -> Result<List<OrganizationView>, Problem> {
    let page = query.page(OrganizationId::uuid);
    query.finish()?;
    Ok(List(services.organizations.list(page).await?.map(Into::into)))
}

async fn read(
    ReadOrganization(scope): ReadOrganization,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<OrganizationView>, Problem> {
    Ok(Tagged::of(services.organizations.get(&scope).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renamed {
    name: Option<String>,
}

async fn rename(
    WriteOrganization(scope): WriteOrganization,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Body(body): Body<Renamed>,
) -> Result<Tagged<OrganizationView>, Problem> {
    let mut fields = Fields::default();
    let name = fields.required("name", body.name, |name| OrganizationName::parse(&name));
    let name = fields.finish_with(name)?;
    Ok(Tagged::of(services.organizations.rename(&scope, &expected, &name).await?))
}

async fn delete(
    ManageOrganization(scope): ManageOrganization,
    State(services): State<Arc<Services>>,
    mut query: Query,
) -> Result<StatusCode, Problem> {
    let confirm = query.take("confirm", |slug| Ok(slug.to_owned()));
    query.finish()?;
    services.organizations.delete(&scope, &confirm.unwrap_or_default()).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suspension {
    executions: Option<String>,
}

async fn suspend(
    ManageOrganization(scope): ManageOrganization,
    State(services): State<Arc<Services>>,
    OptionalBody(body): OptionalBody<Suspension>,
) -> Result<Data<OrganizationView>, Problem> {
    let running = match body.executions.as_deref() {
        None | Some("pause") => Running::Pause,
        Some("cancel") => Running::Cancel,
        Some(_) => {
            return Err(Problem::invalid(&[Invalid::new("executions", "must be one of pause, cancel")]));
        }
    };
    Ok(Data(services.organizations.suspend(&scope, running).await?.into()))
}

async fn resume(
    ManageOrganization(scope): ManageOrganization,
    State(services): State<Arc<Services>>,
) -> Result<Data<OrganizationView>, Problem> {
    Ok(Data(services.organizations.resume(&scope).await?.into()))
}

async fn retry_provisioning(
    ManageOrganization(scope): ManageOrganization,
    State(services): State<Arc<Services>>,
) -> Result<Data<OrganizationView>, Problem> {
    Ok(Data(services.organizations.retry_provisioning(&scope).await?.into()))
}
