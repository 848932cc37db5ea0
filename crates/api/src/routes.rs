//! The operations, a module for each resource.

mod api_keys;
mod audit;
mod executions;
mod health;
mod me;
mod organizations;
mod quotas;
mod users;
mod workflows;

use axum::Router;

pub(crate) use health::Readiness;

use crate::App;

pub(crate) fn all() -> Router<App> {
    let api = Router::new()
        .merge(api_keys::routes())
        .merge(audit::routes())
        .merge(executions::routes())
        .merge(me::routes())
        .merge(organizations::routes())
        .merge(quotas::routes())
        .merge(users::routes())
        .merge(workflows::routes());
    Router::new().nest("/api/v0", api).merge(health::routes())
}
