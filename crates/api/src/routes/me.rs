//! `/me`: who calls, as the server sees it.

use serde::Serialize;
use tenantry_domain::{PermissionSet, Role};
use utoipa::ToSchema;

use super::{api_keys::ApiKeyView, organizations::OrganizationView, users::UserView};
use crate::{
    input::NoQuery,
    openapi::{Routes, about, values},
    output::Data,
    permit::Authenticated,
};

pub(super) fn routes() -> Routes {
    Routes::of("Oneself", "Who calls, as the server sees it.").get(
        v0!("/me"),
        me,
        about("get_me", "Tell who calls, with which key, and what they may do"),
    )
}

/// Who calls.
#[derive(Serialize, ToSchema)]
struct Me {
    /// The key's user.
    user: UserView,
    /// Their organization.
    organization: OrganizationView,
    /// Their role.
    #[schema(value_type = values::Role)]
    role: Role,
    /// What they may do with this key: what the role and the key's scopes allow.
    #[schema(value_type = Vec<values::PermissionName>)]
    permissions: PermissionSet,
    /// The key.
    api_key: ApiKeyView,
}

async fn me(Authenticated(caller): Authenticated, _: NoQuery) -> Data<Me> {
    Data(Me {
        user: caller.user().clone().into(),
        organization: caller.organization().clone().into(),
        role: caller.user().role,
        permissions: caller.permissions(),
        api_key: caller.api_key().clone().into(),
    })
}
