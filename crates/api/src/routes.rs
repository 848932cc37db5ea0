//! The operations, a module for each resource.

/// A path of the API. Each route has its whole path: to nest a router would cost each request another.
macro_rules! v0 {
    ($path:literal) => {
        concat!("/api/v0", $path)
    };
}

mod api_keys;
mod audit;
mod executions;
mod health;
mod me;
mod organizations;
mod quotas;
mod schedules;
mod users;
mod workflows;

use axum::Router;

pub(crate) use health::Readiness;

use crate::App;

/// What is for those who are let in.
pub(crate) fn api() -> Router<App> {
    Router::new()
        .merge(api_keys::routes())
        .merge(audit::routes())
        .merge(executions::routes())
        .merge(me::routes())
        .merge(organizations::routes())
        .merge(quotas::routes())
        .merge(schedules::routes())
        .merge(users::routes())
        .merge(workflows::routes())
}

/// What is for anybody.
pub(crate) fn open() -> Router<App> {
    health::routes()
}

/// Whether a route is for API keys, or for users and theirs.
pub(crate) fn is_about_keys(route: &str) -> bool {
    route.starts_with(v0!("/api-keys")) || route.starts_with(v0!("/users/"))
}
