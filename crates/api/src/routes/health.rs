//! `/healthz`, `/readyz`, `/metrics`: for whoever restarts processes, routes requests and watches. They need no credential and say
//! nothing of tenants.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use tenantry_domain::chain;
use tenantry_services::Services;
use tokio::{sync::Mutex, time::Instant};

use utoipa::ToSchema;

use crate::{
    App,
    openapi::{Describe, Operation, Routes, about},
    problem::{Code, Problem},
};

/// How old an answer of `/readyz` may be.
const FRESH: Duration = Duration::from_secs(1);

pub(super) fn routes() -> Routes {
    Routes::of("Health", "For whoever restarts processes, routes requests and watches. They need no API key.")
        .get("/healthz", healthz, about("get_health", "Tell that the process lives"))
        .get(
            "/readyz",
            readyz,
            about("get_readiness", "Tell whether the server can serve")
                .detail("503 names the part that is not available."),
        )
        .get("/metrics", metrics, about("get_metrics", "Tell the metrics, in Prometheus' text format"))
}

/// How the server is.
#[derive(Serialize, ToSchema)]
struct Health {
    /// In a word.
    #[schema(example = "ok")]
    status: &'static str,
}

/// The same, without the envelope that the API's answers have.
struct Healthy(Health);

impl IntoResponse for Healthy {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
}

impl Describe for Healthy {
    fn describe(operation: &mut Operation) {
        let health = operation.reference::<Health>();
        operation.answers(200, "It is well.", &[], Some(json!({"application/json": {"schema": health}})));
    }
}

/// Whether the server can serve, as it was found a moment ago. One look at a time serves all who ask, so that nobody can load
/// PostgreSQL by asking.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, Option<&'static str>)>>);

impl Readiness {
    /// The part that cannot serve, if any.
    async fn unready(&self, services: &Services) -> Option<&'static str> {
        let mut last = self.0.lock().await;
        match *last {
            Some((at, unready)) if at.elapsed() < FRESH => unready,
            _ => {
                let unready = services.unready().await;
                *last = Some((Instant::now(), unready));
                unready
            }
        }
    }
}

async fn healthz() -> Healthy {
    Healthy(Health { status: "ok" })
}

async fn readyz(State(app): State<App>) -> Result<Healthy, Problem> {
    match app.readiness.unready(&app.services).await {
        None => Ok(Healthy(Health { status: "ready" })),
        Some(part) => Err(Problem::new(Code::Unavailable, format!("{part} is not available"))),
    }
}

/// Metrics, in Prometheus' text format.
struct Exposition(String);

impl IntoResponse for Exposition {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], self.0).into_response()
    }
}

impl Describe for Exposition {
    fn describe(operation: &mut Operation) {
        let text = json!({"type": "string", "examples": ["tenantry_http_connections_open 3\n"]});
        operation.answers(200, "The metrics.", &[], Some(json!({prometheus::TEXT_FORMAT: {"schema": text}})));
    }
}

async fn metrics(State(app): State<App>) -> Result<Exposition, Problem> {
    let text = app.metrics.text(&app.connections, &app.streams, &app.services.pools());
    let text = text.map_err(|error| Problem::internal(&chain(&error)))?;
    Ok(Exposition(text))
}
