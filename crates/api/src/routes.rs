//! The operations, a module for each resource.

/// A path of the API. Each route has its whole path: to nest a router would cost each request another.
macro_rules! v0 {
    ($path:literal) => {
        concat!("/api/v0", $path)
    };
}

mod api_keys;
mod audit;
mod docs;
mod executions;
mod health;
mod me;
mod organizations;
mod quotas;
mod schedules;
mod users;
mod workflows;

use axum::{Router, http::Method};
use serde_json::Value;

pub(crate) use health::Readiness;

use crate::{App, openapi::Routes};

/// What asks who calls.
fn with_callers() -> Routes {
    organizations::routes()
        .merge(quotas::routes())
        .merge(users::routes())
        .merge(api_keys::routes())
        .merge(me::routes())
        .merge(workflows::routes())
        .merge(executions::routes())
        .merge(schedules::routes())
        .merge(audit::routes())
}

/// What does not.
fn for_anybody() -> Routes {
    health::routes().merge(docs::routes())
}

/// What is for those who are let in.
pub(crate) fn api() -> Router<App> {
    with_callers().into_router()
}

/// What is for anybody.
pub(crate) fn open() -> Router<App> {
    for_anybody().into_router()
}

/// What all of it says of itself.
pub(crate) fn document() -> Value {
    with_callers().merge(for_anybody()).document()
}

/// Whether it is about API keys, or users and theirs, and makes none.
pub(crate) fn is_about_keys(method: &Method, route: &str) -> bool {
    let makes = method == Method::POST && route == v0!("/users/{user}/api-keys");
    !makes && (route.starts_with(v0!("/api-keys")) || route.starts_with(v0!("/users/")))
}
