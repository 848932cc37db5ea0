//! `/healthz`, `/readyz`: for whoever restarts processes and routes requests. They need no credential and say nothing of
//! tenants.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use serde_json::{Value, json};
use tenantry_services::Services;

use crate::{
    App,
    problem::{Code, Problem},
};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn readyz(State(services): State<Arc<Services>>) -> Result<Json<Value>, Problem> {
    match services.unready().await {
        None => Ok(Json(json!({"status": "ready"}))),
        Some(part) => Err(Problem::new(Code::Unavailable, format!("{part} is not available"))),
    }
}
