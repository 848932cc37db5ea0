//! `Idempotency-Key`: a write that its sender repeats is done once, and answered each time as the first
//! (draft-ietf-httpapi-idempotency-key-header).

use std::convert::Infallible;

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures::FutureExt as _;
use tenantry_domain::{ExecutionId, Invalid};
use tenantry_services::idempotency::{self, Answer, Claim, IN_HAND, Mine};
use tokio::time::timeout;
use tower::Service;
use tracing::Instrument as _;

use crate::{
    App, permit,
    problem::{Code, Problem},
};

const NAME: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is that of a request before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// What a sender can call a request, in characters.
pub(crate) const NAME_LENGTH: usize = 255;
/// What of an answer's head belongs to it; all else is of the moment.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// What an execution is called that a claimed request starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begins(pub(crate) ExecutionId);

/// Whether the request is to be answered once.
pub(crate) fn is_asked(request: &Request) -> bool {
    is_write(request.method()) && request.headers().contains_key(NAME)
}

fn is_write(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}

/// What the route answers; or answered before, to the same request.
pub(crate) async fn answer<S>(route: S, request: Request, app: &App) -> Result<Response, Problem>
where
    S: Service<Request, Response = Response, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    // Once it is claimed it ends, and is remembered, also if its sender does not wait for it.
    let doing = claim_and_carry_out(route, request, app.clone());
    let done = tokio::spawn(timeout(IN_HAND.to_std().unwrap_or_default(), doing).in_current_span());
    match done.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Problem::new(Code::Unavailable, "the request took too long")),
        Err(panicked) => Err(Problem::internal(&format!("a handler panicked: {panicked}"))),
    }
}

async fn claim_and_carry_out<S>(route: S, request: Request, app: App) -> Result<Response, Problem>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let (mut parts, body) = request.into_parts();
    let caller = permit::identify(&parts, &app).await?;
    let secret = permit::presented(&parts.headers).ok_or_else(Problem::unauthenticated)?;
    // It is in memory already.
    let body = to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(&error.to_string()))?;
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    // All lines of it, as they may be answered differently from the first alone.
    let organization = parts.headers.get_all(permit::ORGANIZATION).iter().map(HeaderValue::as_bytes);
    let organization = organization.collect::<Vec<_>>().join(&b'\n');
    let content = [parts.method.as_str().as_bytes(), target.as_bytes(), &organization, &body];
    let request = idempotency::Request {
        caller: &caller,
        secret: &secret,
        name: name(&parts.headers)?,
        content: &content,
    };
    let mine = match Box::pin(app.services.idempotency.claim(request)).await? {
        Claim::Done(answer) => return Ok(replayed(answer)),
        Claim::Mine(mine) => mine,
    };
    parts.extensions.insert(Begins(mine.id));
    Ok(carry_out(route, Request::from_parts(parts, Body::from(body)), *mine, &app).await)
}

async fn carry_out<S>(mut route: S, request: Request, mine: Mine, app: &App) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let Ok(response) = route.call(request).await;
    if !response.status().is_success() {
        app.services.idempotency.release(mine).await;
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Problem::internal("an answer ended in its middle").into_response();
    };
    let kept =
        |name: &HeaderName| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned()));
    let answer = Answer {
        status: parts.status.as_u16(),
        headers: KEPT_HEADERS.iter().filter_map(kept).collect(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    app.services.idempotency.keep(mine, &answer).boxed().await;
    Response::from_parts(parts, Body::from(bytes))
}

fn replayed(answer: Answer) -> Response {
    let Answer { status, headers, body } = answer;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// What the sender calls the request.
fn name(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut all = headers.get_all(NAME).iter();
    let only = all.next().filter(|_| all.next().is_none()).and_then(|name| name.to_str().ok());
    let is_name = |name: &&str| {
        (1..=NAME_LENGTH).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    };
    only.filter(is_name).ok_or_else(|| {
        let rule = format!("must be given once, with 1 to {NAME_LENGTH} printable characters of ASCII");
        Problem::invalid(&[Invalid::new("Idempotency-Key", rule)])
    })
}
