//! What surrounds every request: the notes that are taken of it, limits of time and size, and the form of its errors.

use std::{any::Any, time::Duration};

use axum::{
    Json, Router,
    body::{Body, HttpBody as _},
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use crate::{
    App, input, permit,
    problem::{Code, Problem},
    visit::{Observe, RequestId},
};

/// The most that a request's body may have, in bytes.
const BODY_LIMIT: usize = 1 << 20;
/// How long a request may take, its body included.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The routes, each inside all of this. From the outside in: whatever goes wrong below is noted and has the form of a problem; a
/// panic is contained; time is limited, and so is the body, which is read within that time.
pub(crate) fn wrap(routes: Router<App>, observe: Observe, app: App) -> Router<App> {
    let surroundings = ServiceBuilder::new()
        .layer(observe)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIME_LIMIT))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(app, whole));
    routes
        .fallback(|| async { Problem::not_found("path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::MethodNotAllowed, "see the Allow header")
        })
        .layer(surroundings)
}

/// Waits for the whole request before anything judges it: whoever may do something when their headers arrive, and not any more when
/// the last of their body does, may not do it. The body of somebody who may do nothing is not waited for.
async fn whole(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() || !permit::is_known(&parts, &app).await {
        return next.run(Request::from_parts(parts, body)).await;
    }
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

/// What browsers are told of every answer: it is data, which nothing may frame, run, guess the type of or keep. A handler may say
/// otherwise. HTTPS is for whoever speaks it to say.
const PROTECTION: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

pub(crate) fn protect(headers: &mut HeaderMap) {
    for (name, value) in PROTECTION {
        headers.entry(name).or_insert(value);
    }
}

/// Gives every error its body, whoever made it, and says which it is.
pub(crate) fn with_problem_body(mut response: Response, request_id: &RequestId) -> (Response, Option<Code>) {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return (response, None);
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
    let mut response = (status, Json(problem.body(request_id.as_str()))).into_response();
    response.headers_mut().extend(headers);
    (response, Some(problem.code()))
}
