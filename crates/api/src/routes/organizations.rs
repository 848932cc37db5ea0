//! `/organizations`.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use serde::{Deserialize, Serialize};
use tenantry_domain::{
    Namespace, Organization, OrganizationId, OrganizationName, OrganizationStatus, Slug, Timestamp,
};
use tenantry_services::Services;

use crate::{
    App,
    input::{Body, Fields, Query},
    output::{Created, Data, List, Listed},
    permit::{ManageOrganizations, ReadOrganization},
    problem::Problem,
};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/organizations", get(list).post(create)).route("/organizations/{org}", get(read))
}

#[derive(Serialize)]
pub(super) struct OrganizationView {
    id: OrganizationId,
    slug: Slug,
    name: String,
    status: OrganizationStatus,
    status_reason: Option<String>,
    namespace: Namespace,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        let Organization { id, slug, name, status, status_reason, namespace, created_at, updated_at } =
            organization;
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
) -> Result<Data<OrganizationView>, Problem> {
    Ok(Data(services.organizations.get(&scope).await?.into()))
}
