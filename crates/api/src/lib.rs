//! The REST API under `/api/v0`.
//!
//! A request passes, from the outside in: the request id and the log ([`edge`]), limits of time and size, the router, and
//! then a handler whose signature says what it needs: a permission from [`permit`], checked fields from [`input`]. The handler
//! calls one service and answers with [`output`]. Everything that goes wrong becomes a [`problem::Problem`].
//!
//! To add an operation: a handler in `routes/<resource>.rs`, a line in its `routes()`, and a permission in its signature.

mod edge;
mod input;
mod output;
mod permit;
mod problem;
mod rate_limit;
mod routes;

use std::{io, sync::Arc};

use axum::{Router, extract::FromRef};
use tenantry_services::Services;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What every handler may ask for.
#[derive(Clone)]
pub(crate) struct App {
    services: Arc<Services>,
}

impl FromRef<App> for Arc<Services> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.services)
    }
}

/// The whole HTTP surface of the server.
pub fn router(services: Services) -> Router {
    edge::wrap(routes::all()).with_state(App { services: Arc::new(services) })
}

/// Serves until it is told to stop, and then until the requests that had begun have ended.
pub async fn serve(listener: TcpListener, services: Services, stop: CancellationToken) -> io::Result<()> {
    let app = router(services).into_make_service_with_connect_info::<std::net::SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}
