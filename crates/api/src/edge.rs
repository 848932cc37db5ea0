//! What surrounds every request: its id, its line in the log, limits of time and size, and the form of its errors.

use std::{any::Any, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};
use uuid::Uuid;

use crate::{
    App, input,
    problem::{Code, Problem},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The most that a request's body may have, in bytes.
const BODY_LIMIT: usize = 1 << 20;
/// How long a request may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn wrap(routes: Router<App>) -> Router<App> {
    routes
        .fallback(|| async { Problem::not_found("path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::MethodNotAllowed, "see the Allow header")
        })
        .layer(middleware::from_fn(whole))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIME_LIMIT))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(observe))
}

/// Waits for the whole request before anything judges it. Whoever may do something when their headers arrive, and not any more when
/// the last of their body does, may not do it.
async fn whole(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match input::read(Request::from_parts(parts.clone(), body), &()).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(problem) => problem.into_response(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message =
        panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = message, "a handler panicked");
    Problem::new(Code::Internal, "the operator finds the cause in the log, by request_id").into_response()
}

/// The id of a request, for whoever has to name it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

async fn observe(mut request: Request, next: Next) -> Response {
    use tracing::Instrument as _;
    let request_id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", id = request_id, method = %request.method(), route);
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let began = tokio::time::Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let mut response = with_problem_body(response, &request_id);
    // To the microsecond: what follows is noise.
    let milliseconds = (began.elapsed().as_secs_f64() * 1_000_000.0).round() / 1000.0;
    span.in_scope(|| tracing::info!(status = response.status().as_u16(), milliseconds, "answered"));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The id that the client gave, if it is one that may stand in a log, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let fit = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    match headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(fit) {
        Some(id) => id.to_owned(),
        None => Uuid::new_v4().to_string(),
    }
}

/// Gives every error its body, whoever made it.
fn with_problem_body(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        // axum or a layer refused it: what they say in headers stays.
        let mut refused = Problem::new(Code::of(status), "the request was refused").into_response();
        *refused.status_mut() = status;
        refused.headers_mut().extend(std::mem::take(response.headers_mut()));
        return with_problem_body(refused, request_id);
    };
    let mut headers = std::mem::take(response.headers_mut());
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let mut response = (status, Json(problem.body(request_id))).into_response();
    response.headers_mut().extend(headers);
    response
}
