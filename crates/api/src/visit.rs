//! What is noted of each request: its id, where it came from, who asked, and how it ended, for the answer, the log, the metrics
//! and the trace.
//!
//! Each route has an [`Observed`] of its own, which finds the route's name and counters once. What a request costs here it costs
//! every request.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request},
    http::StatusCode,
    response::Response,
};
use futures::future::BoxFuture;
use tenantry_domain::{ApiKeyId, Caller, Networks, OrganizationId, UserId, audit::Origin};
use tenantry_services::rate_limits::Standing;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use crate::{
    edge,
    metrics::{self, Metrics, Requests},
    problem::Code,
    rate_limit,
    request_id::{RequestId, RequestIds},
    source, trace,
};

/// The route of what is at no route.
const UNKNOWN: &str = "unknown";

/// Who asked, once that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) organization: OrganizationId,
    pub(crate) user: UserId,
    pub(crate) api_key: ApiKeyId,
}

/// What is known of a request while it is in hand. It is in the request's extensions, where whoever finds out more notes it.
#[derive(Clone)]
pub(crate) struct Known(Arc<Found>);

struct Found {
    id: RequestId,
    source: Option<IpAddr>,
    admitted: OnceLock<(Who, Standing)>,
}

impl Known {
    fn new(id: RequestId, source: Option<IpAddr>) -> Self {
        Self(Arc::new(Found { id, source, admitted: OnceLock::new() }))
    }

    /// Where the request came from, for the audit log.
    pub(crate) fn origin(&self) -> Origin {
        Origin { request_id: Some(self.0.id.text()), source_address: self.0.source }
    }

    /// Notes who asked, and what is left of their limits.
    pub(crate) fn admit(&self, caller: &Caller, standing: Standing) {
        let who = Who {
            organization: caller.organization().id,
            user: caller.user().id,
            api_key: caller.api_key().id,
        };
        let _ = self.0.admitted.set((who, standing));
    }

    fn id(&self) -> &RequestId {
        &self.0.id
    }

    fn who(&self) -> Option<&Who> {
        self.0.admitted.get().map(|(who, _)| who)
    }

    fn standing(&self) -> Option<&Standing> {
        self.0.admitted.get().map(|(_, standing)| standing)
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
    S: Service<Request, Response = Response, Error = Infallible> + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let route = Arc::clone(self.route.get_or_init(|| Route::of(&request)));
        let visit = Visit::begin(Arc::clone(&self.shared), route, &mut request);
        let (log, trace) = (visit.span(), visit.trace.clone());
        let answering = edge::contain(&mut self.inner, request, edge::TIME_LIMIT).instrument(log);
        // The line of the request stands for itself, outside the span of what is logged below it.
        Box::pin(async move { Ok(visit.end(answering.await)) }.instrument(trace))
    }
}

/// One request.
struct Visit {
    shared: Arc<Shared>,
    route: Arc<Route>,
    method: usize,
    known: Known,
    trace: Span,
    began: Instant,
    is_over: bool,
}

impl Visit {
    fn begin(shared: Arc<Shared>, route: Arc<Route>, request: &mut Request) -> Self {
        let method = metrics::method(request.method());
        let id = shared.ids.of(request.headers());
        let trace = trace::request(&id, metrics::METHODS[method], &route.name, request.headers());
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let source = peer.map(|peer| source::of(peer, request.headers(), &shared.trusted_proxies));
        let known = Known::new(id, source);
        request.extensions_mut().insert(known.clone());
        Self { shared, route, method, known, trace, began: Instant::now(), is_over: false }
    }

    /// What the log says with each line that is written while the request is in hand: which it is, and the request's own line
    /// says the rest.
    fn span(&self) -> Span {
        tracing::info_span!("request", request_id = self.known.id().as_str())
    }

    /// The answer, as it goes out.
    fn end(mut self, response: Response) -> Response {
        let (mut response, code) = edge::with_problem_body(response, self.known.id());
        edge::protect(response.headers_mut());
        self.known.id().put(response.headers_mut());
        if let Some(standing) = self.known.standing() {
            rate_limit::write(standing, response.headers_mut());
        }
        if let Some(code) = code {
            self.shared.metrics.problem(code);
        }
        let took = self.began.elapsed();
        self.requests().answered(response.status(), took);
        self.note(Some(response.status()), took, code.map_or("ok", Code::word));
        self.is_over = true;
        response
    }

    fn method(&self) -> &'static str {
        metrics::METHODS[self.method]
    }

    fn requests(&self) -> &Requests {
        let requests = || self.shared.metrics.requests(self.method(), &self.route.name);
        self.route.requests[self.method].get_or_init(requests)
    }

    /// The one line of the log that each request has.
    fn note(&self, status: Option<StatusCode>, took: Duration, outcome: &str) {
        let who = self.known.who();
        trace::end(&self.trace, who, status, outcome);
        tracing::info!(
            method = self.method(),
            route = &*self.route.name,
            status = status.map(|status| status.as_u16()),
            // To the microsecond: what follows is noise.
            milliseconds = (took.as_secs_f64() * 1_000_000.0).round() / 1000.0,
            outcome,
            request_id = self.known.id().as_str(),
            source_address = self.known.0.source.map(display),
            organization = who.map(|who| who.organization.text()).as_deref(),
            user = who.map(|who| who.user.text()).as_deref(),
            api_key = who.map(|who| who.api_key.text()).as_deref(),
            "request"
        );
    }
}

impl Drop for Visit {
    /// The client went away, or the server was stopped, before there was an answer.
    fn drop(&mut self) {
        if !self.is_over {
            self.requests().abandoned();
            self.note(None, self.began.elapsed(), "abandoned");
        }
    }
}
