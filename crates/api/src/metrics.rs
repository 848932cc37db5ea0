//! What Prometheus may know: how many, how long, how much. No label holds an id, a path or anything else that users choose, so the
//! number of series has a bound: routes × methods × classes of status.
//!
//! To add a metric that counts, a field of [`Metrics`]; to add one that is only looked at, a line in [`Metrics::text`]. Both
//! go into the table in `docs/deployment/multi-tenant-setup.md`, and a test holds them to it.

mod process;

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus::{
    Counter, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts,
    Registry, TextEncoder, core::Collector,
};
use tenantry_storage::PoolUse;

use crate::{
    problem::{Code, Problem},
    server::Connections,
    streams::Streams,
};

/// Seconds, from the time that a cached answer takes to the time limit of a request.
const BUCKETS: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The metrics of one server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    problems: IntCounterVec,
    authentications: Authentications,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let counters = |name, help, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let requests = counters(
            "tenantry_http_requests_total",
            "Requests, by method, route and class of status; abandoned, if the client did not wait for the answer.",
            &["method", "route", "status"],
        );
        let durations = HistogramOpts::new(
            "tenantry_http_request_duration_seconds",
            "How long requests took, by method and route.",
        );
        let durations = HistogramVec::new(durations.buckets(BUCKETS.to_vec()), &["method", "route"]);
        let durations = register(&registry, durations);
        let problems =
            counters("tenantry_http_problems_total", "Answers that are errors, by code.", &["code"]);
        for code in Code::ALL {
            // What has not happened yet is none, and not unknown: alerts ask for the difference.
            problems.with_label_values(&[code.word()]);
        }
        let authentications =
            counters("tenantry_authentications_total", "Attempts to authenticate, by outcome.", &["outcome"]);
        let authentications = Authentications::new(&authentications);
        Self { registry, requests, durations, problems, authentications }
    }

    /// Where requests with this method to this route are counted.
    pub(crate) fn requests(&self, method: &str, route: &str) -> Requests {
        let with = |status| self.requests.with_label_values(&[method, route, status]);
        Requests {
            succeeded: with("2xx"),
            redirected: with("3xx"),
            refused: with("4xx"),
            failed: with("5xx"),
            abandoned: with("abandoned"),
            duration: self.durations.with_label_values(&[method, route]),
        }
    }

    /// An answer was this problem.
    pub(crate) fn problem(&self, code: Code) {
        self.problems.with_label_values(&[code.word()]).inc();
    }

    /// Somebody tried to authenticate.
    pub(crate) fn authentication<T>(&self, outcome: &Result<T, Problem>) {
        self.authentications.of(outcome).inc();
    }

    /// All of them, in Prometheus' text format, version 0.0.4.
    pub(crate) fn text(
        &self,
        connections: &Connections,
        streams: &Streams,
        pools: &[PoolUse],
    ) -> Result<String, prometheus::Error> {
        let now = Sample(Registry::new());
        now.gauge("tenantry_http_connections_open", "Open connections.", connections.open());
        now.gauge("tenantry_http_connections_max", "How many connections may be open.", connections.most());
        now.gauge("tenantry_event_streams_open", "Open streams of events.", streams.open());
        now.gauge("tenantry_event_streams_max", "How many streams of events may be open.", streams.most());
        now.gauges(
            "tenantry_postgresql_connections",
            "Connections to PostgreSQL, by pool and state.",
            &["pool", "state"],
            pools.iter().flat_map(|pool| {
                [([pool.name, "used"], pool.used as usize), ([pool.name, "idle"], pool.idle as usize)]
            }),
        );
        now.gauges(
            "tenantry_postgresql_connections_max",
            "How many connections to PostgreSQL a pool may hold.",
            &["pool"],
            pools.iter().map(|pool| ([pool.name], pool.max as usize)),
        );
        now.gauges(
            "tenantry_build_info",
            "1, labelled with the version that runs.",
            &["version"],
            [([env!("CARGO_PKG_VERSION")], 1)],
        );
        process::sample(&now);
        let encoder = TextEncoder::new();
        Ok(encoder.encode_to_string(&self.registry.gather())? + &encoder.encode_to_string(&now.0.gather())?)
    }
}

/// Counts requests with one method to one route.
pub(crate) struct Requests {
    succeeded: IntCounter,
    redirected: IntCounter,
    refused: IntCounter,
    failed: IntCounter,
    abandoned: IntCounter,
    duration: Histogram,
}

impl Requests {
    /// One was answered.
    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        match status.as_u16() {
            0..300 => self.succeeded.inc(),
            300..400 => self.redirected.inc(),
            400..500 => self.refused.inc(),
            _ => self.failed.inc(),
        }
    }

    /// The client of one did not wait for the answer.
    pub(crate) fn abandoned(&self) {
        self.abandoned.inc();
    }
}

/// The methods, by name. Whatever else clients write is the last.
pub(crate) const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other"];

/// The place of a method among [`METHODS`].
pub(crate) fn method(method: &Method) -> usize {
    METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1)
}

/// Counts what came of attempts to authenticate.
struct Authentications {
    ok: IntCounter,
    refused: IntCounter,
    suspended: IntCounter,
    failed: IntCounter,
}

impl Authentications {
    fn new(counters: &IntCounterVec) -> Self {
        let of = |outcome| counters.with_label_values(&[outcome]);
        Self { ok: of("ok"), refused: of("refused"), suspended: of("suspended"), failed: of("failed") }
    }

    fn of<T>(&self, outcome: &Result<T, Problem>) -> &IntCounter {
        match outcome.as_ref().map_err(Problem::code) {
            Ok(_) => &self.ok,
            Err(Code::Unauthenticated) => &self.refused,
            Err(Code::OrganizationSuspended) => &self.suspended,
            Err(_) => &self.failed,
        }
    }
}

/// What is looked at when somebody asks, and not counted before.
struct Sample(Registry);

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    fn gauge(&self, name: &str, help: &str, value: usize) {
        self.float_gauge(name, help, value as f64);
    }

    fn float_gauge(&self, name: &str, help: &str, value: f64) {
        register(&self.0, Gauge::new(name, help)).set(value);
    }

    fn counter(&self, name: &str, help: &str, value: f64) {
        register(&self.0, Counter::new(name, help)).inc_by(value);
    }

    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    fn gauges<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str; N],
        values: impl IntoIterator<Item = ([&'static str; N], usize)>,
    ) {
        let gauges = register(&self.0, GaugeVec::new(Opts::new(name, help), labels));
        for (labels, value) in values {
            gauges.with_label_values(&labels).set(value as f64);
        }
    }
}

/// The metric, which from now on is in what the registry gathers.
fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<C>) -> C {
    let metric = metric.expect("names and labels are written here, as Prometheus wants them");
    registry.register(Box::new(metric.clone())).expect("no two metrics have one name");
    metric
}
