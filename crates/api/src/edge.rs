//! What surrounds every request: limits of time and size, what contains a panic, and the form of answers.

use std::{
    any::Any,
    convert::Infallible,
    panic::AssertUnwindSafe,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, HttpBody as _},
    extract::{DefaultBodyLimit, Request},
    handler::Handler as _,
    http::{
        Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header, request::Parts,
    },
    response::{IntoResponse, Response},
};
use futures::{
    FutureExt as _,
    future::{BoxFuture, Either},
};
use tokio::time::timeout;
use tower::{Layer, Service, util::MapResponseLayer};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer, Predicate,
        predicate::{NotForContentType, SizeAbove},
    },
};

use crate::{
    App, input, once, permit,
    problem::{Code, Problem},
    request_id::RequestId,
    visit::Observe,
};

/// The most that a request's body may have, in bytes.
const BODY_LIMIT: usize = 1 << 20;
/// From what length on an answer is compressed, in bytes.
const COMPRESSED_FROM: u16 = 2048;
/// How long a request may take, its body included.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The routes, each inside all of this: it is observed from outside, so that whatever goes wrong below is noted and has the form of
/// a problem.
///
/// All that surrounds a route is one layer, since each layer of a router costs every request some allocations.
pub(crate) fn wrap<S>(api: Router<S>, others: Router<S>, whole: Whole, observe: Observe) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    // What compresses answers with bodies of a type of its own.
    let compression = (MapResponseLayer::new(IntoResponse::into_response), compression());
    let surroundings = (observe, compression);
    let other_method = other_method.layer(surroundings.clone());
    api.layer((surroundings.clone(), whole))
        .merge(others.fallback(|| async { Problem::not_found("path") }).layer(surroundings))
        .method_not_allowed_fallback(other_method)
}

/// Whoever asks for the options of a path is told them in `Allow` (RFC 9110, section 9.3.7), and so is whoever tries another method.
async fn other_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    Problem::new(Code::MethodNotAllowed, "see the Allow header").into_response()
}

/// An answer that nothing would make shorter at a price that is worth it.
#[derive(Clone, Copy)]
pub(crate) struct AsShortAsItGets;

/// Shortens long answers for those who accept it. One that shows a secret is short, so that nothing can be found out by how well it
/// compresses; events go out one by one.
fn compression() -> CompressionLayer<impl Predicate> {
    let is_worth_it = |_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions| {
        extensions.get::<AsShortAsItGets>().is_none()
    };
    let what = SizeAbove::new(COMPRESSED_FROM).and(NotForContentType::SSE).and(is_worth_it);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(what)
}

/// What a route answers within the limits. From the outside in: a panic is contained; time is limited.
pub(crate) fn contain<S>(
    route: &mut S,
    request: Request,
    limit: Duration,
) -> impl Future<Output = Response> + use<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    AssertUnwindSafe(timeout(limit, route.call(request))).catch_unwind().map(|answered| match answered {
        Ok(Ok(Ok(response))) => response,
        Ok(Err(_)) => Problem::new(Code::Unavailable, "the request took too long").into_response(),
        Err(panic) => panicked(panic.as_ref()),
    })
}

/// Reads the body of a request, if its sender is let in, and asks again who it is when all of it is there: whoever might do something
/// when their headers arrived, and not any more when the last of their body does, may not do it.
#[derive(Clone)]
pub(crate) struct Whole(App);

impl Whole {
    pub(crate) fn new(app: App) -> Self {
        Self(app)
    }
}

impl<S> Layer<S> for Whole {
    type Service = WholeRoute<S>;

    fn layer(&self, route: S) -> WholeRoute<S> {
        WholeRoute { app: self.0.clone(), route }
    }
}

/// A route that gets whole requests.
#[derive(Clone)]
pub(crate) struct WholeRoute<S> {
    app: App,
    route: S,
}

impl<S> Service<Request> for WholeRoute<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    /// A request without a body goes on as it is, unless it is to be answered [once].
    type Future = Either<S::Future, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.route.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if request.body().is_end_stream() && !once::is_asked(&request) {
            return Either::Left(self.route.call(request));
        }
        DefaultBodyLimit::max(BODY_LIMIT).apply(&mut request);
        let Self { app, mut route } = self.clone();
        let answer = async move {
            let (parts, body) = request.into_parts();
            match read(parts, body, &app).await {
                Ok(request) if once::is_asked(&request) => {
                    Ok(once::answer(route, request, &app).await.unwrap_or_else(Problem::into_response))
                }
                Ok(request) => route.call(request).await,
                Err(problem) => Ok(problem.into_response()),
            }
        };
        Either::Right(answer.boxed())
    }
}

async fn read(mut parts: Parts, body: Body, app: &App) -> Result<Request, Problem> {
    permit::identify(&parts, app).await?;
    let bytes = input::read(Request::from_parts(parts.clone(), body), &()).await?;
    let caller = permit::identify_again(&parts, app).await?;
    parts.extensions.insert(caller);
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let message = panic.downcast_ref::<&str>().copied().or(text).unwrap_or_default();
    Problem::internal(&format!("a handler panicked: {message}")).into_response()
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
    // And the request's id, and two of the caller's limits.
    headers.reserve(PROTECTION.len() + 3);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{body::to_bytes, routing::get};
    use serde_json::{Value, json};

    use super::*;
    use crate::metrics::Metrics;

    async fn body(response: Response) -> Value {
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        serde_json::from_slice(&body).expect("JSON")
    }

    #[tokio::test]
    async fn should_answer_for_a_handler_that_panics_as_for_any_other() {
        async fn panic() {
            panic!("boom");
        }
        let observe = Observe::new(Arc::new(Metrics::new()), "".parse().expect("no networks"));
        let mut router = Router::new().route("/", get(panic)).layer(observe);
        let request = Request::builder().header("x-request-id", "find-me").body(Body::empty());
        let Ok(response) = router.call(request.expect("a request")).await;
        assert_eq!(
            (response.status(), &response.headers()["x-request-id"]),
            (StatusCode::INTERNAL_SERVER_ERROR, &HeaderValue::from_static("find-me"))
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let problem = body(response).await;
        assert_eq!((&problem["code"], &problem["request_id"]), (&json!("internal"), &json!("find-me")));
        assert!(!problem.to_string().contains("boom"), "{problem}");
    }

    #[tokio::test]
    async fn should_end_what_takes_too_long_and_the_wait_for_a_body_too() {
        async fn never() {
            std::future::pending::<()>().await;
        }
        let mut router = Router::new().route("/", get(never).post(async |_: axum::body::Bytes| ()));
        let endless = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, Infallible>>());
        for (method, sent) in [("GET", Body::empty()), ("POST", endless)] {
            let request = Request::builder().method(method).body(sent).expect("a request");
            let response = contain(&mut router, request, Duration::from_millis(20)).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{method}");
            assert_eq!(response.headers()["retry-after"], "1");
        }
    }
}
