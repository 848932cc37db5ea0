//! `/me`: who calls, as the server sees it.

use serde::Serialize;
use tenantry_domain::{Caller, PermissionSet, Role};
use utoipa::ToSchema;

use super::{api_keys::ApiKeyView, organizations::OrganizationView, users::UserView};
use crate::{
    input::NoQuery,
    openapi::{Routes, about, values},
    output::{Data, Shown, Viewed},
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
pub(crate) struct Me<'a> {
    /// The key's user.
    user: UserView<'a>,
    /// Their organization.
    organization: OrganizationView<'a>,
    /// Their role.
    #[schema(value_type = values::Role)]
    role: Role,
    /// What they may do with this key: what the role and the key's scopes allow.
    #[schema(value_type = Vec<values::PermissionName>)]
    permissions: PermissionSet,
    /// The key.
    api_key: ApiKeyView<'a>,
}

impl Viewed for Caller {
    type View<'a> = Me<'a>;

    fn view(&self) -> Me<'_> {
        Me {
            user: self.user().view(),
            organization: self.organization().view(),
            role: self.user().role,
            permissions: self.permissions(),
            api_key: self.api_key().view(),
        }
    }
}

async fn me(Authenticated(caller): Authenticated, _: NoQuery) -> Data<Shown<Caller>> {
    Data(Shown(caller))
}
