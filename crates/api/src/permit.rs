//! Who may do what: a handler says it in its signature, and cannot be reached without it.
//!
//! `ReadUsers(scope): ReadUsers` is a scope of the organization that the request is about, for a caller who may read users
//! there. Which organization that is, the request says: in its path (`{org}`, or by a `{user}` or `{api_key}` of it), in
//! `Tenantry-Organization`, or not at all, which means the caller's own.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use tenantry_domain::{Caller, OrgScope, Permission};
use tenantry_services::organizations::Target;

use crate::{
    App,
    input::{Named as _, path_parameter},
    problem::{Code, Problem},
};

const ORGANIZATION: &str = "tenantry-organization";

/// Anybody with a valid API key.
pub(crate) struct Authenticated(pub(crate) Caller);

impl FromRequestParts<App> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let secret = bearer(&parts.headers).ok_or_else(Problem::unauthenticated)?;
        let caller = app.services.authentication.authenticate(secret).await?;
        caller.map(Self).ok_or_else(Problem::unauthenticated)
    }
}

/// The token of the one `Authorization` header (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// An admin, who acts on the deployment.
pub(crate) struct ManageOrganizations(pub(crate) Caller);

impl FromRequestParts<App> for ManageOrganizations {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Authenticated(caller) = Authenticated::from_request_parts(parts, app).await?;
        if caller.allows(Permission::ManageOrganizations) {
            Ok(Self(caller))
        } else {
            Err(lacks(Permission::ManageOrganizations))
        }
    }
}

macro_rules! permits {
    ($($permit:ident),+ $(,)?) => {
        $(
            #[doc = concat!("[`Permission::", stringify!($permit), "`] in one organization.")]
            pub(crate) struct $permit(pub(crate) OrgScope);

            impl FromRequestParts<App> for $permit {
                type Rejection = Problem;

                async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
                    enter(parts, app, Permission::$permit).await.map(Self)
                }
            }
        )+
    };
}

permits!(
    ReadOrganization,
    UseOwnIdentity,
    ReadUsers,
    WriteUsers,
    ReadWorkflows,
    WriteWorkflows,
    ReadExecutions,
    StartExecutions,
);

async fn enter(parts: &mut Parts, app: &App, permission: Permission) -> Result<OrgScope, Problem> {
    let Authenticated(caller) = Authenticated::from_request_parts(parts, app).await?;
    let header = parts.headers.get(ORGANIZATION).cloned();
    let named = header
        .as_ref()
        .map(|value| value.to_str().map_err(|_| Problem::not_found("organization")))
        .transpose()?;
    let organizations = &app.services.organizations;
    let mut scope = organizations.enter(&caller, named.map_or(Target::Own, Target::Named)).await?;
    if let Some(org) = path_parameter(parts, app, "org").await {
        scope = organizations.enter(&caller, Target::Named(&org)).await?;
    } else if named.is_none() {
        scope = organizations.enter(&caller, member(parts, app).await).await?;
    }
    if scope.allows(permission) { Ok(scope) } else { Err(lacks(permission)) }
}

/// The organization that the path names by somebody in it. What names nobody is looked for, in vain, at home.
async fn member(parts: &mut Parts, app: &App) -> Target<'static> {
    let user = path_parameter(parts, app, "user").await;
    let api_key = path_parameter(parts, app, "api_key").await;
    let user = user.and_then(|text| tenantry_domain::UserId::read(&text)).map(Target::OfUser);
    let api_key = api_key.and_then(|text| tenantry_domain::ApiKeyId::read(&text)).map(Target::OfApiKey);
    user.or(api_key).unwrap_or(Target::Own)
}

fn lacks(permission: Permission) -> Problem {
    Problem::new(
        Code::Forbidden,
        format!("this needs the permission {permission}, which the role does not have"),
    )
}
