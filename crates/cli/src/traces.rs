//! The export of traces to a collector, by OpenTelemetry's protocol (OTLP, over HTTP) and under its standard variables.
//!
//! It is off until one of [`ENDPOINT`] is set. The SDK itself reads the variables that say how the service is called
//! (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`), which traces are kept (`OTEL_TRACES_SAMPLER`), what goes to the collector
//! with them (`OTEL_EXPORTER_OTLP_HEADERS`), and how many wait (`OTEL_BSP_*`).

use std::{env, time::Duration};

use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use reqwest::Url;
use tokio::{runtime::Handle, task::spawn_blocking};
use tracing::Subscriber;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::failure::{Exit, Failure};

const ENDPOINT: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOL: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const TIMEOUT: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
/// How long a collector may take, unless a variable says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last spans may take on their way when the server stops.
const LAST: Duration = Duration::from_secs(3);

/// The export, if there is one.
pub(crate) struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// What the environment asks for.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        let is = |name, word| env::var(name).is_ok_and(|value| value.trim().eq_ignore_ascii_case(word));
        let Some((name, endpoint)) = variable(ENDPOINT) else { return Ok(Self(None)) };
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(Self(None));
        }
        // What is wrong with it is not repeated: it may hold a password.
        let wrong = || Failure::invalid(format!("{name} must be a URL such as http://collector:4318"));
        let is_url = Url::parse(&endpoint).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_url {
            return Err(wrong());
        }
        if let Some((name, _)) = variable(PROTOCOL).filter(|(_, protocol)| protocol != "http/protobuf") {
            return Err(Failure::invalid(format!("{name} must be http/protobuf")));
        }
        let collector = Collector::new(&endpoint)?;
        let exporter =
            SpanExporter::builder().with_http().with_http_client(collector).build().map_err(|_| wrong())?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource());
        global::set_text_map_propagator(TraceContextPropagator::new());
        Ok(Self(Some(provider.build())))
    }

    /// What hears of the spans that are for export.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = self.0.as_ref()?.tracer("tenantry");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        // Where in the code a request is answered says nothing about the request.
        let layer = layer.with_location(false).with_threads(false).with_target(false);
        Some(layer.with_filter(filter_fn(|metadata| metadata.target() == tenantry_api::trace::TARGET)))
    }

    /// Sends what has not been sent yet.
    pub(crate) async fn stop(self) {
        if let Some(provider) = self.0 {
            // It waits for a thread of its own, which waits for the collector.
            let _ = spawn_blocking(move || provider.shutdown_with_timeout(LAST)).await;
        }
    }
}

/// The first of these variables that says something, with its name.
fn variable(names: [&'static str; 2]) -> Option<(&'static str, String)> {
    let value =
        |name| env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    names.into_iter().find_map(|name| Some((name, value(name)?)))
}

/// What the spans are said to come from.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    let is_named = env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty())
        || env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|attributes| attributes.contains("service.name="));
    if is_named { resource.build() } else { resource.with_service_name("tenantry").build() }
}

/// Reaches the collector. The SDK asks from a thread outside the runtime that connections need.
#[derive(Debug)]
struct Collector {
    http: reqwest::Client,
    runtime: Handle,
}

impl Collector {
    fn new(endpoint: &str) -> Result<Self, Failure> {
        // reqwest takes the process's provider. If somebody installed one before, theirs does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = variable(TIMEOUT).and_then(|(_, milliseconds)| milliseconds.parse().ok());
        let mut http =
            reqwest::Client::builder().timeout(timeout.map_or(DEFAULT_TIMEOUT, Duration::from_millis));
        if endpoint.starts_with("http://") {
            // It needs no root certificates, which the machine may not have.
            http = http.tls_certs_only([]);
        }
        let failed = |error| Failure::new(Exit::Failed, "traces", format!("cannot speak TLS: {error}"));
        Ok(Self { http: http.build().map_err(failed)?, runtime: Handle::current() })
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        self.runtime.spawn(async move { http.send_bytes(request).await }).await?
    }
}
