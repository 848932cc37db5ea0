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

use axum::Router;
use serde_json::Value;

pub(crate) use health::Readiness;

use crate::{App, edge, openapi::Routes};

/// What asks who calls.
fn api() -> Routes {
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
fn open() -> Routes {
    health::routes().merge(docs::routes())
}

pub(crate) fn all(app: &App) -> Router<App> {
    api().into_router().layer(edge::Whole::new(app.clone())).merge(open().into_router())
}

/// What all of it says of itself.
pub(crate) fn document() -> Value {
    api().merge(open()).document()
}
