//! The operations, a module for each resource.

/// A path of the API. Each route has its whole path: to nest a router would cost each request another.
macro_rules! v0 {
    ($path:literal) => {
        concat!("/api/v0", $path)
    };
}

mod api_keys;
mod audit;
mod execution_events;
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

use crate::{App, edge};

pub(crate) fn all(app: &App) -> Router<App> {
    let api = Router::new()
        .merge(api_keys::routes())
        .merge(audit::routes())
        .merge(execution_events::routes())
        .merge(executions::routes())
        .merge(me::routes())
        .merge(organizations::routes())
        .merge(quotas::routes())
        .merge(schedules::routes())
        .merge(users::routes())
        .merge(workflows::routes())
        .layer(edge::Whole::new(app.clone()));
    api.merge(health::routes())
}
