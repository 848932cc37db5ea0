//! `/organizations`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use tenantry_domain::{
    Invalid, Namespace, Organization, OrganizationId, OrganizationName, OrganizationStatus, Slug,
};
use tenantry_services::{Services, organizations::Running};
use utoipa::ToSchema;

use crate::{
    if_match::IfMatch,
    input::{Body, Fields, NoQuery, OptionalBody, Paging, Parameters, Query},
    openapi::{Parameter, Routes, about, values},
    output::{Created, Data, List, Listed, Located, Moment, Shown, Tagged, TakenUp, Viewed},
    permit::{ManageOrganization, ManageOrganizations, ReadOrganization, WriteOrganization},
    problem::Problem,
};

pub(super) fn routes() -> Routes {
    Routes::of("Organizations", "The tenants: each with its own users, workflows and Temporal namespace.")
        .get(
            v0!("/organizations"),
            list,
            about("list_organizations", "List all organizations").detail("The newest first."),
        )
        .post(
            v0!("/organizations"),
            create,
            about("create_organization", "Create an organization").detail(
                "It is `provisioning` until its Temporal namespace is there, a moment later, and then `active`.",
            ),
        )
        .get(v0!("/organizations/{org}"), read, about("get_organization", "Read an organization"))
        .patch(v0!("/organizations/{org}"), rename, about("update_organization", "Rename an organization"))
        .delete(
            v0!("/organizations/{org}"),
            delete,
            about("delete_organization", "Erase an organization and all that it has").detail(
                "From now on its keys are no keys, and it is in no list. What it has is erased in the background, for ever.",
            ),
        )
        .post(
            v0!("/organizations/{org}/suspend"),
            suspend,
            about("suspend_organization", "Suspend an organization").detail(
                "Its keys are refused with `organization_suspended`, and nothing of it starts, until it is resumed. Nothing is lost.",
            ),
        )
        .post(
            v0!("/organizations/{org}/resume"),
            resume,
            about("resume_organization", "Resume a suspended organization"),
        )
        .post(
            v0!("/organizations/{org}/retry-provisioning"),
            retry_provisioning,
            about("retry_provisioning", "Try again to make an organization's namespace")
                .detail("For one that is `provisioning_failed`."),
        )
}

/// An organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Organization)]
pub(crate) struct OrganizationView<'a> {
    /// Names it for ever.
    #[schema(value_type = values::OrganizationId)]
    id: OrganizationId,
    /// Names it in paths and commands; unique, unchanging.
    #[schema(value_type = values::Slug)]
    slug: &'a Slug,
    /// What people call it.
    #[schema(value_type = values::OrganizationName)]
    name: &'a str,
    /// Where it is in its life.
    #[schema(value_type = values::OrganizationStatus)]
    status: OrganizationStatus,
    /// Why it is there, when somebody must act.
    #[schema(required, example = "the namespace belongs to somebody else")]
    status_reason: Option<&'a str>,
    /// Its own Temporal namespace.
    #[schema(value_type = values::Namespace)]
    namespace: &'a Namespace,
    /// When it was made.
    created_at: Moment,
    /// When any of this last changed.
    updated_at: Moment,
}

impl Viewed for Organization {
    type View<'a> = OrganizationView<'a>;

    fn view(&self) -> OrganizationView<'_> {
        let Self { id, slug, name, status, status_reason, namespace, created_at, updated_at } = self;
        OrganizationView {
            id: *id,
            slug,
            name,
            status: *status,
            status_reason: status_reason.as_deref(),
            namespace,
            created_at: (*created_at).into(),
            updated_at: (*updated_at).into(),
        }
    }
}

impl Located for Shown<Organization> {
    const PARAMETER: &'static str = "org";

    fn location(&self) -> String {
        format!(v0!("/organizations/{}"), self.0.id)
    }
}

impl Listed for Shown<Organization> {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

/// A new organization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrganization {
    /// Names it in paths and commands, for ever.
    #[schema(value_type = values::NewSlug)]
    slug: Option<String>,
    /// What people will call it.
    #[schema(value_type = values::OrganizationName)]
    name: Option<String>,
}

async fn create(
    ManageOrganizations(admin): ManageOrganizations,
    _: NoQuery,
    State(services): State<Arc<Services>>,
    Body(body): Body<NewOrganization>,
) -> Result<Created<Shown<Organization>>, Problem> {
    let mut fields = Fields::default();
    let slug = fields.required("slug", body.slug, |slug| Slug::parse(&slug));
    let name = fields.required("name", body.name, |name| OrganizationName::parse(&name));
    let (slug, name) = fields.finish_with(slug.zip(name))?;
    let organization = services.organizations.create(&admin, &slug, &name).await?;
    Ok(Created(organization.into()))
}

async fn list(
    ManageOrganizations(_): ManageOrganizations,
    State(services): State<Arc<Services>>,
    mut query: Query<Paging<values::OrganizationId>>,
) -> Result<List<Shown<Organization>>, Problem> {
    let page = query.page(OrganizationId::uuid);
    query.finish()?;
    Ok(List(services.organizations.list(page).await?.map(Into::into)))
}

async fn read(
    ReadOrganization(scope): ReadOrganization,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<Shown<Organization>>, Problem> {
    Ok(Tagged::of(services.organizations.get(&scope).await?))
}

/// What is to change of an organization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrganizationChanges)]
struct Renamed {
    /// What people will call it.
    #[schema(value_type = values::OrganizationName)]
    name: Option<String>,
}

async fn rename(
    WriteOrganization(scope): WriteOrganization,
    _: NoQuery,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Body(body): Body<Renamed>,
) -> Result<Tagged<Shown<Organization>>, Problem> {
    let mut fields = Fields::default();
    let name = fields.required("name", body.name, |name| OrganizationName::parse(&name));
    let name = fields.finish_with(name)?;
    Ok(Tagged::of(services.organizations.rename(&scope, &expected, &name).await?))
}

/// That somebody means it.
struct Confirmation;

impl Parameters for Confirmation {
    const ALL: &[Parameter] =
        &[Parameter::new::<values::Slug>("confirm", "The organization's slug, to say that it is meant.")
            .required()];
}

async fn delete(
    ManageOrganization(scope): ManageOrganization,
    State(services): State<Arc<Services>>,
    mut query: Query<Confirmation>,
) -> Result<TakenUp, Problem> {
    let confirm = query.take("confirm", |slug| Ok(slug.to_owned()));
    query.finish()?;
    services.organizations.delete(&scope, &confirm.unwrap_or_default()).await?;
    Ok(TakenUp)
}

/// How to suspend an organization.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Suspension {
    /// What becomes of the executions that run: `pause` leaves them where they are, `cancel` asks them to stop.
    #[schema(value_type = Option<values::Running>)]
    executions: Option<String>,
}

async fn suspend(
    ManageOrganization(scope): ManageOrganization,
    _: NoQuery,
    State(services): State<Arc<Services>>,
    OptionalBody(body): OptionalBody<Suspension>,
) -> Result<Data<Shown<Organization>>, Problem> {
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
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Data<Shown<Organization>>, Problem> {
    Ok(Data(services.organizations.resume(&scope).await?.into()))
}

async fn retry_provisioning(
    ManageOrganization(scope): ManageOrganization,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Data<Shown<Organization>>, Problem> {
    Ok(Data(services.organizations.retry_provisioning(&scope).await?.into()))
}
