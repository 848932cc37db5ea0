//! `/me`: who calls, as the server sees it.

use axum::{Router, routing::get};
use serde::Serialize;
use tenantry_domain::{PermissionSet, Role};

use super::{api_keys::ApiKeyView, organizations::OrganizationView, users::UserView};
use crate::{App, output::Data, permit::Authenticated};

pub(super) fn routes() -> Router<App> {
    Router::new().route(v0!("/me"), get(me))
}

#[derive(Serialize)]
struct Me {
    user: UserView,
    organization: OrganizationView,
    role: Role,
    permissions: PermissionSet,
    api_key: ApiKeyView,
}

async fn me(Authenticated(caller): Authenticated) -> Data<Me> {
    Data(Me {
        user: caller.user().clone().into(),
        organization: caller.organization().clone().into(),
        role: caller.user().role,
        permissions: caller.permissions(),
        api_key: caller.api_key().clone().into(),
    })
}
