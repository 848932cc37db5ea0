//! `/healthz`, `/readyz`, `/metrics`: for whoever restarts processes, routes requests and watches. They need no credential and say
//! nothing of tenants.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, header},
    routing::get,
};
use serde_json::{Value, json};
use tenantry_domain::chain;
use tenantry_services::Services;
use tokio::{sync::Mutex, time::Instant};

use crate::{
    App,
    problem::{Code, Problem},
};

/// How old an answer of `/readyz` may be.
const FRESH: Duration = Duration::from_secs(1);

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
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

async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn readyz(State(app): State<App>) -> Result<Json<Value>, Problem> {
    match app.readiness.unready(&app.services).await {
        None => Ok(Json(json!({"status": "ready"}))),
        Some(part) => Err(Problem::new(Code::Unavailable, format!("{part} is not available"))),
    }
}

async fn metrics(State(app): State<App>) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    let text = app.metrics.text(&app.connections, &app.streams, &app.services.pools());
    let text = text.map_err(|error| Problem::internal(&chain(&error)))?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
}
