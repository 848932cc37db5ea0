//! The REST API under `/api/v0`.
//!
//! A request passes, from the outside in: its connection ([`server`]), what is noted of it ([`visit`]), limits of time and size
//! ([`edge`]), the router, and then a handler whose signature says what it needs: a permission from [`permit`], checked fields from [`input`]. The handler
//! calls one service and answers with [`output`]. Everything that goes wrong becomes a [`problem::Problem`].
//!
//! To add an operation: a handler in `routes/<resource>.rs`, a line in its `routes()`, and a permission in its signature. The line documents
//! it too ([`openapi`]): `about(id, summary)` says what people read, `.may(&[…])` what can go wrong besides what the signature tells. All else the
//! types of the signature say: parameters of the query are a type that lists them (`Query<Paging<values::UserId>>`, or `NoQuery`), bodies
//! and views derive `ToSchema`, with a sentence for each field and `#[schema(value_type = values::…)]` where the domain checks it, and the
//! answer is one of [`output`]'s. A new parameter of paths gets a line in `openapi/operation.rs`. Then `make openapi` writes
//! `docs/api/openapi.json` anew, and the tests want a row in `tests/it/operations.rs`.

mod edge;
mod if_match;
mod input;
mod metrics;
mod once;
mod openapi;
mod output;
mod patience;
mod permit;
mod problem;
mod rate_limit;
mod request_id;
mod routes;
mod server;
mod short_text;
mod source;
mod streams;
pub mod trace;
mod visit;
mod whole;

use std::{ops::Deref, sync::Arc};

use axum::{Router, extract::FromRef};
use tenantry_domain::Networks;
use tenantry_services::Services;

pub use openapi::document;
pub use patience::Patience;
pub use server::{Connections, Limits, serve};

use crate::{metrics::Metrics, routes::Readiness, streams::Streams, visit::Observe};

/// What an operator may decide.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The proxies whose word on where a request came from is believed.
    pub trusted_proxies: Networks,
    /// What connections may cost. The metrics look at it, so it has to be what [`serve`] is given.
    pub limits: Limits,
}

/// What every handler may ask for. It is cloned for each request, some times over.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    services: Arc<Services>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    connections: Connections,
    streams: Streams,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<App> for Arc<Services> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.services)
    }
}

/// The whole HTTP surface of the server.
pub fn router(services: Services, settings: &Settings) -> Router {
    router_with(services, settings, Router::new())
}

/// The whole HTTP surface of the server, and more routes that are watched and bounded like its own.
pub fn router_with(services: Services, settings: &Settings, more: Router) -> Router {
    let app = App(Arc::new(Parts {
        services: Arc::new(services),
        metrics: Arc::new(Metrics::new()),
        readiness: Readiness::default(),
        streams: Streams::among(&settings.limits.connections),
        connections: settings.limits.connections.clone(),
    }));
    let observe = Observe::new(Arc::clone(&app.metrics), settings.trusted_proxies.clone());
    let open = routes::open().merge(more.with_state(()));
    edge::wrap(routes::api(), open, edge::Whole::new(app.clone()), observe).with_state(app)
}
