//! `/users`, and `/organizations/{org}/users`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use tenantry_domain::{
    Email, Invalid, OrganizationId, Role, User, UserId, UserKind, UserName, UserStatus,
    user::{Changes, NewUser},
};
use tenantry_services::Services;
use utoipa::ToSchema;

use crate::{
    if_match::IfMatch,
    input::{Body, Fields, InPath, NoQuery, Paging, Query, word},
    openapi::{Routes, about, values},
    output::{Created, Gone, List, Listed, Located, Moment, Shown, Tagged, Viewed},
    permit::{ReadUsers, UseOwnIdentity, WriteUsers},
    problem::{Code, Problem},
};

pub(super) fn routes() -> Routes {
    Routes::of("Users", "People and service accounts. Each belongs to one organization.")
        .get(
            v0!("/organizations/{org}/users"),
            list,
            about("list_users", "List an organization's users").detail("The newest first."),
        )
        .post(
            v0!("/organizations/{org}/users"),
            create,
            about("create_user", "Create a user")
                .detail("A person has an e-mail address; a service account (`kind`: `service`) has none. Nobody can give a role that may do more than their own.")
                .may(&[Code::QuotaExceeded]),
        )
        .get(
            v0!("/users/{user}"),
            read,
            about("get_user", "Read a user").detail("Oneself; others with the permission `users:read`."),
        )
        .patch(
            v0!("/users/{user}"),
            update,
            about("update_user", "Change a user's name, role or status")
                .detail("With the permission `users:write`. Whoever may do more cannot be changed."),
        )
        .delete(
            v0!("/users/{user}"),
            delete,
            about("delete_user", "Delete a user, and their API keys")
                .detail("With the permission `users:write`. Whoever may do more cannot be deleted."),
        )
}

/// A person or a service account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView<'a> {
    /// Names it for ever.
    #[schema(value_type = values::UserId)]
    id: UserId,
    /// The one organization that it belongs to.
    #[schema(value_type = values::OrganizationId)]
    organization_id: OrganizationId,
    /// A person or a program.
    #[schema(value_type = values::UserKind)]
    kind: UserKind,
    /// A person's address; a program has none.
    #[schema(required, value_type = Option<values::Email>)]
    email: Option<&'a str>,
    /// What people call it.
    #[schema(value_type = values::UserName)]
    name: &'a str,
    /// What it may do.
    #[schema(value_type = values::Role)]
    role: Role,
    /// Whether it may do it now.
    #[schema(value_type = values::UserStatus)]
    status: UserStatus,
    /// When it was made.
    created_at: Moment,
}

impl Viewed for User {
    type View<'a> = UserView<'a>;

    fn view(&self) -> UserView<'_> {
        let &Self { id, organization_id, kind, ref email, ref name, role, status, created_at } = self;
        let (email, created_at) = (email.as_deref(), created_at.into());
        UserView { id, organization_id, kind, email, name, role, status, created_at }
    }
}

impl Located for Shown<User> {
    const PARAMETER: &'static str = "user";

    fn location(&self) -> String {
        format!(v0!("/users/{}"), self.0.id)
    }
}

impl Listed for Shown<User> {
    fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

/// A new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
struct NewUserBody {
    /// A person, which is what it is if nothing is said, or a program.
    #[schema(value_type = Option<values::UserKind>)]
    kind: Option<String>,
    /// A person's address; not for a program.
    #[schema(value_type = Option<values::GivenEmail>)]
    email: Option<String>,
    /// What people will call it.
    #[schema(value_type = values::UserName)]
    name: Option<String>,
    /// What it will be allowed to do.
    #[schema(value_type = values::Role)]
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
    _: NoQuery,
    State(services): State<Arc<Services>>,
    Body(body): Body<NewUserBody>,
) -> Result<Created<Shown<User>>, Problem> {
    let user = services.users.create(&scope, &body.check()?).await?;
    Ok(Created(user.into()))
}

async fn list(
    ReadUsers(scope): ReadUsers,
    State(services): State<Arc<Services>>,
    mut query: Query<Paging<values::UserId>>,
) -> Result<List<Shown<User>>, Problem> {
    let page = query.page(UserId::uuid);
    query.finish()?;
    Ok(List(services.users.list(&scope, page).await?.map(Into::into)))
}

async fn read(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(user): InPath<UserId>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<Shown<User>>, Problem> {
    Ok(Tagged::of(services.users.get(&scope, user).await?))
}

/// What is to change of a user; what is not named stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChanges)]
struct ChangedUser {
    /// What people will call it.
    #[schema(value_type = Option<values::UserName>)]
    name: Option<String>,
    /// What it will be allowed to do.
    #[schema(value_type = Option<values::Role>)]
    role: Option<String>,
    /// Whether it may do it.
    #[schema(value_type = Option<values::UserStatus>)]
    status: Option<String>,
}

async fn update(
    UseOwnIdentity(scope): UseOwnIdentity,
    InPath(user): InPath<UserId>,
    _: NoQuery,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Body(body): Body<ChangedUser>,
) -> Result<Tagged<Shown<User>>, Problem> {
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
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Gone, Problem> {
    services.users.delete(&scope, user).await?;
    Ok(Gone)
}
