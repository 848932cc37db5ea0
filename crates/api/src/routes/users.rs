//! `/users`, and `/organizations/{org}/users`.

use std::sync::Arc;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use serde::{Deserialize, Serialize};
use tenantry_domain::{
    Email, Invalid, OrganizationId, Role, User, UserId, UserKind, UserName, UserStatus,
    user::{Changes, NewUser},
};
use tenantry_services::Services;

use crate::{
    App,
    if_match::IfMatch,
    input::{Body, Fields, InPath, Query, word},
    output::{Created, List, Listed, Moment, Tagged},
    permit::{ReadUsers, UseOwnIdentity, WriteUsers},
    problem::Problem,
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(v0!("/organizations/{org}/users"), get(list).post(create))
        .route(v0!("/users/{user}"), get(read).patch(update).delete(delete))
}

#[derive(Serialize)]
pub(super) struct UserView {
    id: UserId,
    organization_id: OrganizationId,
    kind: UserKind,
    email: Option<String>,
    name: String,
    role: Role,
    status: UserStatus,
    created_at: Moment,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, organization_id, kind, email, name, role, status, created_at } = user;
        Self { id, organization_id, kind, email, name, role, status, created_at: created_at.into() }
    }
}

impl Listed for UserView {
    fn cursor(&self) -> String {
        self.id.to_string()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUserBody {
    kind: Option<String>,
    email: Option<String>,
    name: Option<String>,
    role: Option<String>,
}

impl NewUserBody {
    fn check(self) -> Result<NewUser, Problem> {
        let mut fields = Fields::default();
        let kind = fields.optional(self.kind, |kind| word("kind", &kind));
        let name = fields.required("name", self.name, |name| UserName::parse(&name));
        let role = fields.required("role", self.role, |role| word("role", &role));
        let email = match kind {
            Some(UserKind::Service) if self.email.is_some() => {
                fields.check::<Email>(Err(Invalid::new("email", "is not for service accounts")))
            }
            Some(UserKind::Service) => None,
            _ => fields.required("email", self.email, |email| Email::parse(&email)),
        };
        let (name, role) = fields.finish_with(name.zip(role))?;
        NewUser::new(name, email, role).map_err(|invalid| Problem::invalid(&[invalid]))
    }
}

async fn create(
    WriteUsers(scope): WriteUsers,
    State(services): State<Arc<Services>>,
    Body(body): Body<NewUserBody>,
) -> Result<Created<UserView>, Problem> {
    let user = services.users.create(&scope, &body.check()?).await?;
    Ok(Created { location: format!("/api/v0/users/{}", user.id), thing: user.into() })
}

async fn list(
    ReadUsers(scope): ReadUsers,
    State(services): State<Arc<Services>>,
    mut query: Query,
) -> Result<List<UserView>, Problem> {
    let page = query.page(UserId::uuid);
    query.finish()?;
    Ok(List(services.users.list(&scope, page).await?.map(Into::into)))
}

async fn read(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(user): InPath<UserId>,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<UserView>, Problem> {
    Ok(Tagged::of(services.users.get(&scope, user).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangedUser {
    name: Option<String>,
    role: Option<String>,
    status: Option<String>,
}

async fn update(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(user): InPath<UserId>,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Body(body): Body<ChangedUser>,
) -> Result<Tagged<UserView>, Problem> {
    let mut fields = Fields::default();
    let changes = Changes {
        name: fields.optional(body.name, |name| UserName::parse(&name)),
        role: fields.optional(body.role, |role| word("role", &role)),
        status: fields.optional(body.status, |status| word("status", &status)),
    };
    fields.finish()?;
    Ok(Tagged::of(services.users.update(&scope, user, &expected, &changes).await?))
}

async fn delete(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(user): InPath<UserId>,
    State(services): State<Arc<Services>>,
) -> Result<StatusCode, Problem> {
    services.users.delete(&scope, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
