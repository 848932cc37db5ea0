//! What is noted of each request: its id, where it came from, who asked, and how it ended, for the answer, the log, the metrics
//! and the trace.
//!
//! Each route has an [`Observed`] of its own, which finds the route's name and counters once. What a request costs here it costs
//! every request.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use tenantry_domain::{ApiKeyId, Caller, Networks, OrganizationId, UserId};
use tenantry_services::rate_limits::Standing;
use tokio::time::Instant;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use crate::{
    edge,
    metrics::{self, Metrics, Requests},
    problem::Code,
    rate_limit,
    source::SourceAddress,
    trace,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The route of what is at no route.
const UNKNOWN: &str = "unknown";

/// The id of a request, for whoever has to name it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        // It is the sender's only if it may stand in a log.
        self.0.to_str().unwrap_or_default()
    }

    /// The id that the client gave, if it is one that may stand in a log.
    fn given(headers: &HeaderMap) -> Option<Self> {
        let given = headers.get(REQUEST_ID)?;
        let fit = (1..=128).contains(&given.len()) && given.as_bytes().iter().all(u8::is_ascii_graphic);
        fit.then(|| Self(given.clone()))
    }
}

/// Makes ids. Each is a UUID (RFC 9562, version 8) of a number that is this process's and a count: unlike any other, and made
/// without asking the system for randomness each time. Nothing depends on nobody's guessing it.
struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        Self { process: Uuid::new_v4().as_u64_pair().0, next: AtomicU64::new(0) }
    }

    fn make(&self) -> RequestId {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let bits = u128::from(self.process) << 64 | u128::from(count);
        let mut text = [0; 36];
        let text = Uuid::new_v8(bits.to_be_bytes()).hyphenated().encode_lower(&mut text);
        RequestId(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(UNKNOWN)))
    }
}

/// Who asked, once that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) organization: OrganizationId,
    pub(crate) user: UserId,
    pub(crate) api_key: ApiKeyId,
}

/// The place in a request's extensions for what is found out on its way.
#[derive(Clone, Default)]
struct Notes(Arc<Found>);

#[derive(Default)]
struct Found {
    who: OnceLock<Who>,
    standing: OnceLock<Standing>,
}

/// Notes what is left of the caller's limits, for the answer.
pub(crate) fn admitted(extensions: &Extensions, standing: Standing) {
    if let Some(notes) = extensions.get::<Notes>() {
        let _ = notes.0.standing.set(standing);
    }
}

/// Notes who asked.
pub(crate) fn identified(extensions: &Extensions, caller: &Caller) {
    if let Some(notes) = extensions.get::<Notes>() {
        let _ = notes.0.who.set(Who {
            organization: caller.organization().id,
            user: caller.user().id,
            api_key: caller.api_key().id,
        });
    }
}

/// Watches every route.
#[derive(Clone)]
pub(crate) struct Observe(Arc<Shared>);

struct Shared {
    metrics: Arc<Metrics>,
    trusted_proxies: Networks,
    ids: RequestIds,
}

impl Observe {
    pub(crate) fn new(metrics: Arc<Metrics>, trusted_proxies: Networks) -> Self {
        Self(Arc::new(Shared { metrics, trusted_proxies, ids: RequestIds::new() }))
    }
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { inner, shared: Arc::clone(&self.0), route: Arc::default() }
    }
}

/// A route that is watched.
#[derive(Clone)]
pub(crate) struct Observed<S> {
    inner: S,
    shared: Arc<Shared>,
    route: Arc<OnceLock<Arc<Route>>>,
}

/// What the requests to one route have in common.
struct Route {
    name: Box<str>,
    /// By method, made for those that are used.
    requests: [OnceLock<Requests>; metrics::METHODS.len()],
}

impl Route {
    fn of(request: &Request) -> Arc<Self> {
        let name = request.extensions().get::<MatchedPath>().map_or(UNKNOWN, MatchedPath::as_str);
        Arc::new(Self { name: name.into(), requests: Default::default() })
    }
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Error = Infallible>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let route = Arc::clone(self.route.get_or_init(|| Route::of(&request)));
        let visit = Visit::begin(Arc::clone(&self.shared), route, &mut request);
        let (log, trace) = (visit.span(), visit.trace.clone());
        let answering = self.inner.call(request);
        let answering = async move {
            let Ok(response) = answering.await;
            Ok(visit.end(response.into_response()))
        };
        Box::pin(answering.instrument(log).instrument(trace))
    }
}

/// One request.
struct Visit {
    shared: Arc<Shared>,
    route: Arc<Route>,
    method: usize,
    id: RequestId,
    source: Option<SourceAddress>,
    notes: Notes,
    trace: Span,
    began: Instant,
    is_over: bool,
}

impl Visit {
    fn begin(shared: Arc<Shared>, route: Arc<Route>, request: &mut Request) -> Self {
        let method = metrics::method(request.method());
        let trace = trace::request(metrics::METHODS[method], &route.name, request.headers());
        let id = RequestId::given(request.headers()).unwrap_or_else(|| shared.ids.make());
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let source = peer.map(|peer| SourceAddress::of(peer, request.headers(), &shared.trusted_proxies));
        let notes = Notes::default();
        let extensions = request.extensions_mut();
        extensions.insert(id.clone());
        extensions.insert(notes.clone());
        if let Some(source) = source {
            extensions.insert(source);
        }
        Self { shared, route, method, id, source, notes, trace, began: Instant::now(), is_over: false }
    }

    /// What the log says with each line that is written while the request is in hand.
    fn span(&self) -> Span {
        let (method, route) = (metrics::METHODS[self.method], &*self.route.name);
        tracing::info_span!("request", request_id = self.id.as_str(), method, route)
    }

    /// The answer, as it goes out.
    fn end(mut self, response: Response) -> Response {
        let (mut response, code) = edge::with_problem_body(response, &self.id);
        edge::protect(response.headers_mut());
        response.headers_mut().insert(REQUEST_ID, self.id.0.clone());
        if let Some(standing) = self.notes.0.standing.get() {
            rate_limit::write(standing, response.headers_mut());
        }
        if let Some(code) = code {
            self.shared.metrics.problem(code);
        }
        self.requests().answered(response.status(), self.began.elapsed().as_secs_f64());
        self.note(Some(response.status()), code.map_or("ok", Code::word));
        self.is_over = true;
        response
    }

    fn requests(&self) -> &Requests {
        let requests = || self.shared.metrics.requests(metrics::METHODS[self.method], &self.route.name);
        self.route.requests[self.method].get_or_init(requests)
    }

    /// The one line of the log that each request has.
    fn note(&self, status: Option<StatusCode>, outcome: &str) {
        let who = self.notes.0.who.get();
        trace::end(&self.trace, who, status, outcome);
        tracing::info!(
            // All is said here: under the span of the request it would be said twice.
            parent: None,
            method = metrics::METHODS[self.method],
            route = &*self.route.name,
            status = status.map(|status| status.as_u16()),
            // To the microsecond: what follows is noise.
            milliseconds = (self.began.elapsed().as_secs_f64() * 1_000_000.0).round() / 1000.0,
            outcome,
            request_id = self.id.as_str(),
            source_address = self.source.map(|source| display(source.0)),
            organization = who.map(|who| display(who.organization)),
            user = who.map(|who| display(who.user)),
            api_key = who.map(|who| display(who.api_key)),
            "request"
        );
    }
}

impl Drop for Visit {
    /// The client went away, or the server was stopped, before there was an answer.
    fn drop(&mut self) {
        if !self.is_over {
            self.requests().abandoned();
            self.note(None, "abandoned");
        }
    }
}
