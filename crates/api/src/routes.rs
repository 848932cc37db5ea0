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

use axum::{Router, middleware};

pub(crate) use health::Readiness;

use crate::{App, edge};

pub(crate) fn all(app: &App) -> Router<App> {
    let api = Router::new()
        .merge(api_keys::routes())
        .merge(audit::routes())
        .merge(executions::routes())
        .merge(me::routes())
        .merge(organizations::routes())
        .merge(quotas::routes())
        .merge(users::routes())
        .merge(workflows::routes())
        .layer(middleware::from_fn_with_state(app.clone(), edge::whole));
    Router::new().nest("/api/v0", api).merge(health::routes())
}
