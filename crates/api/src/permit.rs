//! Who may do what: a handler says it in its signature, and cannot be reached without it.
//!
//! `ReadUsers(scope): ReadUsers` is a scope of the organization that the request is about, for a caller who may read users
//! there. Which organization that is, the request says: in its path (`{org}`, or by a `{user}` or `{api_key}` of it), in
//! `Tenantry-Organization`, or not at all, which means the caller's own.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, MatchedPath},
    http::{HeaderMap, HeaderName, header, request::Parts},
};
use tenantry_domain::{Caller, OrgScope, OrganizationStatus, Permission, Secret, audit::Origin};
use tenantry_services::{Error, admission::Admitted, organizations::Target};

use crate::{
    App,
    input::{Named as _, path_parameter},
    openapi::{Describe, Operation},
    problem::{Code, Problem},
    routes,
    visit::Known,
};

pub(crate) const ORGANIZATION: HeaderName = HeaderName::from_static("tenantry-organization");

/// Anybody with a valid API key, who names no organization but one that is theirs to name.
pub(crate) struct Authenticated(pub(crate) Caller);

impl FromRequestParts<App> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = identify(parts, app).await?;
        match named(&parts.headers)? {
            Target::Own => {}
            named => drop(Box::pin(app.services.organizations.enter(&caller, named)).await?),
        }
        Ok(Self(caller))
    }
}

impl Describe for Authenticated {
    fn describe(operation: &mut Operation) {
        operation.wants(None);
    }
}

/// Whoever was let in before the request's body was read, as they are now that it is.
#[derive(Clone)]
pub(crate) struct LetIn(Caller);

/// Finds out who calls, and notes it.
pub(crate) async fn identify(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    if let Some(LetIn(caller)) = parts.extensions.get() {
        return Ok(caller.clone());
    }
    let caller = authenticate(parts, app).await;
    app.metrics.authentication(&caller);
    caller
}

/// Finds out again who calls, after what may have taken long. The request was counted before.
pub(crate) async fn identify_again(parts: &Parts, app: &App) -> Result<LetIn, Problem> {
    let secret = bearer(&parts.headers).ok_or_else(Problem::unauthenticated)?;
    let caller = app.services.admission.again(secret, origin(parts)).await?;
    caller.map(unless_suspended).ok_or_else(Problem::unauthenticated)?.map(LetIn)
}

async fn authenticate(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let secret = bearer(&parts.headers).ok_or_else(Problem::unauthenticated)?;
    let admission = &app.services.admission;
    let admitted = admission.admit(secret, origin(parts), || is_about_keys(parts)).await?;
    let Admitted::Caller(caller, standing) = admitted else { return Err(Problem::unauthenticated()) };
    if let Some(known) = parts.extensions.get::<Known>() {
        known.admit(&caller, standing);
    }
    unless_suspended(caller)
}

/// Whether it is about keys or those who have them. What would end a flood of requests is not kept out by it.
fn is_about_keys(parts: &Parts) -> bool {
    let route = parts.extensions.get::<MatchedPath>();
    route.is_some_and(|route| routes::is_about_keys(&parts.method, route.as_str()))
}

fn unless_suspended(caller: Caller) -> Result<Caller, Problem> {
    match caller.organization().status {
        status @ OrganizationStatus::Suspended => {
            Err(Problem::from(Error::OrganizationNot(status)).of_organization(&caller.organization().slug))
        }
        _ => Ok(caller),
    }
}

/// The organization that the header names.
fn named(headers: &HeaderMap) -> Result<Target<'_>, Problem> {
    let mut all = headers.get_all(ORGANIZATION).iter();
    let value = match (all.next(), all.next()) {
        (None, _) => return Ok(Target::Own),
        (Some(value), None) => value,
        (Some(_), Some(_)) => return Err(Problem::not_found("organization")),
    };
    value.to_str().map(Target::Named).map_err(|_| Problem::not_found("organization"))
}

/// Where the request came from, for the audit log.
fn origin(parts: &Parts) -> Origin {
    parts.extensions.get().map(Known::origin).unwrap_or_default()
}

/// The token of the one `Authorization` header (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    // As a whole, which is quicker than `to_str`; no key has other characters than ASCII's.
    let (scheme, token) = str::from_utf8(only.as_bytes()).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_ascii())
}

/// The secret that was presented, if it can be one.
pub(crate) fn presented(headers: &HeaderMap) -> Option<Secret> {
    Secret::parse(bearer(headers)?).ok()
}

/// An admin, who acts on the deployment.
pub(crate) struct ManageOrganizations(pub(crate) Caller);

impl FromRequestParts<App> for ManageOrganizations {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Authenticated(caller) = Authenticated::from_request_parts(parts, app).await?;
        if caller.allows(Permission::ManageOrganizations) {
            return Ok(Self(caller));
        }
        app.services.audit.denied(&caller.scope(), Permission::ManageOrganizations).await?;
        Err(lacks(Permission::ManageOrganizations))
    }
}

/// An admin, who acts on the organization in the path.
pub(crate) struct ManageOrganization(pub(crate) OrgScope);

impl FromRequestParts<App> for ManageOrganization {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        enter(parts, app, Permission::ManageOrganizations).await.map(Self)
    }
}

/// The audit log of one organization; or, for an admin who names none, of all.
pub(crate) enum AuditLog {
    Own(OrgScope),
    All,
}

impl FromRequestParts<App> for AuditLog {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let scope = enter(parts, app, Permission::ReadAudit).await?;
        let all = scope.allows(Permission::ManageOrganizations) && !parts.headers.contains_key(ORGANIZATION);
        Ok(if all { Self::All } else { Self::Own(scope) })
    }
}

macro_rules! wants {
    ($($permit:ident = $permission:ident),+ $(,)?) => {
        $(impl Describe for $permit {
            fn describe(operation: &mut Operation) {
                operation.wants(Some(Permission::$permission));
            }
        })+
    };
}

wants!(
    ManageOrganizations = ManageOrganizations,
    ManageOrganization = ManageOrganizations,
    AuditLog = ReadAudit,
);

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

            wants!($permit = $permit);
        )+
    };
}

permits!(
    ReadOrganization,
    WriteOrganization,
    UseOwnIdentity,
    ReadUsers,
    WriteUsers,
    ReadWorkflows,
    WriteWorkflows,
    ReadExecutions,
    StartExecutions,
    CancelExecutions,
    SignalExecutions,
    TerminateExecutions,
    ReadSchedules,
    WriteSchedules,
    ReadAudit,
);

/// A request whose answer takes long: whoever asked is looked at again and again.
pub(crate) struct Again {
    parts: Parts,
    app: App,
}

impl FromRequestParts<App> for Again {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self { parts: parts.clone(), app: app.clone() })
    }
}

impl Describe for Again {
    fn describe(_: &mut Operation) {}
}

impl Again {
    /// What the same request would get now. It was counted before.
    pub(crate) async fn scope(&self) -> Result<OrgScope, Problem> {
        let mut parts = self.parts.clone();
        parts.extensions.insert(identify_again(&parts, &self.app).await?);
        scope(&mut parts, &self.app).await
    }
}

async fn enter(parts: &mut Parts, app: &App, permission: Permission) -> Result<OrgScope, Problem> {
    let scope = scope(parts, app).await?;
    if scope.allows(permission) {
        return Ok(scope);
    }
    Box::pin(app.services.audit.denied(&scope, permission)).await?;
    Err(lacks(permission))
}

/// Whoever asks, in the organization that the request is about.
async fn scope(parts: &mut Parts, app: &App) -> Result<OrgScope, Problem> {
    let caller = identify(parts, app).await?;
    let organizations = &app.services.organizations;
    let is_named = parts.headers.contains_key(ORGANIZATION);
    let mut scope = organizations.enter(&caller, named(&parts.headers)?).await?;
    if let Some(org) = path_parameter(parts, app, "org").await {
        scope = organizations.enter(&caller, Target::Named(&org)).await?;
    } else if !is_named {
        scope = organizations.enter(&caller, member(parts, app).await).await?;
    }
    Ok(scope)
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
        format!("this needs the permission {permission}, which the role or the key's scopes do not have"),
    )
}
