//! The spans that are exported to whoever collects traces.
//!
//! They are apart from the log's, under a target of their own: their fields have OpenTelemetry's names, and while nobody collects
//! them they cost nothing. They hold names of routes and ids, never a path, a header or a body.

use axum::http::{HeaderMap, StatusCode};
use opentelemetry::global;
use opentelemetry_http::HeaderExtractor;
use tracing::{Level, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{request_id::RequestId, visit::Who};

/// The target of the spans that are for export, and not for the log.
pub const TARGET: &str = "tenantry::trace";

/// The span of a request, below the one that `traceparent` names (W3C Trace Context).
pub(crate) fn request(id: &RequestId, method: &str, route: &str, headers: &HeaderMap) -> Span {
    // The span itself would ask the same, but make its fields first.
    if !tracing::span_enabled!(target: TARGET, Level::INFO) {
        return Span::none();
    }
    let span = tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        tenantry.request_id = id.as_str(),
        tenantry.organization = Empty,
        tenantry.user = Empty,
        tenantry.api_key = Empty,
        tenantry.outcome = Empty,
    );
    let parent = global::get_text_map_propagator(|known| known.extract(&HeaderExtractor(headers)));
    // It fails where nobody collects, and there nobody misses it.
    let _ = span.set_parent(parent);
    span
}

/// What came of the request.
pub(crate) fn end(span: &Span, who: Option<&Who>, status: Option<StatusCode>, outcome: &str) {
    if span.is_disabled() {
        return;
    }
    span.record("tenantry.outcome", outcome);
    if let Some(status) = status {
        span.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            span.record("otel.status_code", "error");
        }
    }
    if let Some(who) = who {
        span.record("tenantry.organization", tracing::field::display(who.organization));
        span.record("tenantry.user", tracing::field::display(who.user));
        span.record("tenantry.api_key", tracing::field::display(who.api_key));
    }
}
