//! The export of traces, to a collector that listens.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message as _;
use rustix::process::Signal;
use tenantry_test_support::Database;
use tokio::net::TcpListener;

use crate::{
    rest::{Request, send_as},
    serve::{operator, serve},
};

const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
const PARENT: u64 = 0x00f0_67aa_0ba9_02b7;

/// What a collector of OpenTelemetry's protocol was sent: the headers, and the body as it came.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

impl Collector {
    /// Listens, and gives its address.
    async fn listen(&self) -> String {
        let take = |State(collector): State<Self>, headers: HeaderMap, body: Bytes| async move {
            collector.0.lock().expect("no panic").push((headers, body));
        };
        let router = Router::new().route("/v1/traces", post(take)).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn sent(&self) -> Vec<(HeaderMap, Bytes)> {
        self.0.lock().expect("no panic").clone()
    }

    /// The spans, and what their senders say of themselves.
    fn spans(&self) -> (Vec<KeyValue>, Vec<Span>) {
        let requests = self.sent().into_iter().map(|(headers, body)| {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            ExportTraceServiceRequest::decode(body).expect("spans")
        });
        let (mut resources, mut spans) = (Vec::new(), Vec::new());
        for sent in requests.flat_map(|request| request.resource_spans) {
            resources.extend(sent.resource.expect("a resource").attributes);
            spans.extend(sent.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
        (resources, spans)
    }
}

/// What the attribute says, as text.
fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key}: {other:?}"),
    }
}

#[tokio::test]
async fn should_export_a_span_for_each_request_below_the_callers() {
    let collector = Collector::default();
    let endpoint = collector.listen().await;
    let database = Database::migrated().await;
    let operator = operator(&database.url)
        .with("TEMPORAL_ADDRESS", crate::stand_in::nobody().await)
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .with("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-token=sesame")
        .with("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test");
    let key = operator.run(&["bootstrap", "--email", "ops@example.com"]).await.stdout.trim().to_owned();
    let (running, url) = serve(&operator, &[]).await;
    let (bearer, parent) = (format!("Bearer {key}"), format!("00-{TRACE:032x}-{PARENT:016x}-01"));
    let ask = async |line: &str, headers: &[(&str, &str)]| {
        send_as(&url, &Request { line, headers, body: "" }).await
    };
    let headers = [("authorization", &*bearer), ("traceparent", &*parent), ("x-request-id", "find-me")];
    let me = ask("GET /api/v0/me", &headers).await.body;
    ask(&format!("GET /api/v0/users/usr_1?key={key}"), &[("authorization", &bearer)]).await;
    ask(&format!("GET /{key}"), &[]).await;
    ask("GET /readyz", &[]).await;
    running.signal(Signal::TERM);
    let (status, _, stderr) = running.ended().await;
    assert_eq!(status.code(), Some(0), "{stderr}");

    let (resource, spans) = collector.spans();
    assert_eq!(attribute(&resource, "service.name").as_deref(), Some("tenantry"));
    assert_eq!(attribute(&resource, "deployment.environment.name").as_deref(), Some("test"));
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["GET /api/v0/me", "GET /api/v0/users/{user}", "GET unknown", "GET /readyz"]);
    let [first, second, third, fourth] = &spans[..] else { panic!("four spans") };
    assert_eq!(
        (&first.trace_id[..], &first.parent_span_id[..]),
        (&TRACE.to_be_bytes()[..], &PARENT.to_be_bytes()[..])
    );
    for (span, http_status, outcome, is_error) in [
        (first, "200", "ok", false),
        (second, "404", "not_found", false),
        (third, "404", "not_found", false),
        (fourth, "503", "unavailable", true),
    ] {
        let says = |key| attribute(&span.attributes, key);
        assert_eq!((span.kind(), says("http.request.method").as_deref()), (SpanKind::Server, Some("GET")));
        assert_eq!(says("http.response.status_code").as_deref(), Some(http_status));
        assert_eq!(says("tenantry.outcome").as_deref(), Some(outcome));
        // Only the server's own failures are errors of its span.
        let status = span
            .status
            .as_ref()
            .map_or(StatusCode::Unset, opentelemetry_proto::tonic::trace::v1::Status::code);
        assert_eq!(status == StatusCode::Error, is_error, "{span:?}");
    }
    assert_eq!(attribute(&first.attributes, "http.route").as_deref(), Some("/api/v0/me"));
    assert_eq!(attribute(&first.attributes, "tenantry.request_id").as_deref(), Some("find-me"));
    assert_eq!(attribute(&first.attributes, "tenantry.user").as_deref(), me["data"]["user"]["id"].as_str());
    assert_eq!(attribute(&third.attributes, "tenantry.user"), None);
    assert_ne!(second.trace_id, TRACE.to_be_bytes());
    assert!(second.parent_span_id.is_empty());
    for (headers, body) in collector.sent() {
        assert_eq!(headers["x-collector-token"], "sesame");
        assert!(!String::from_utf8_lossy(&body).contains(&key[..16]), "the key is in a span");
    }
}

#[tokio::test]
async fn should_export_what_the_sampler_keeps_and_nothing_that_nobody_asked_for() {
    let database = Database::migrated().await;
    let check = async |variables: Vec<(&'static str, &str)>, kept: usize| {
        let collector = Collector::default();
        let endpoint = collector.listen().await;
        let operator = variables.iter().fold(operator(&database.url), |operator, (name, value)| {
            operator.with(name, value.replace("ENDPOINT", &endpoint))
        });
        let (running, url) = serve(&operator, &[]).await;
        for flags in ["00", "01"] {
            let parent = format!("00-{TRACE:032x}-{PARENT:016x}-{flags}");
            let headers = [("traceparent", parent.as_str())];
            send_as(&url, &Request { line: "GET /healthz", headers: &headers, body: "" }).await;
        }
        running.signal(Signal::TERM);
        assert_eq!(running.ended().await.0.code(), Some(0));
        assert_eq!(collector.spans().1.len(), kept, "{variables:?}");
    };
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "ENDPOINT");
    tokio::join!(
        check(vec![endpoint], 1),
        check(vec![("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ENDPOINT/v1/traces")], 1),
        check(vec![endpoint, ("OTEL_TRACES_SAMPLER", "always_on")], 2),
        check(vec![endpoint, ("OTEL_TRACES_SAMPLER", "always_off")], 0),
        check(vec![endpoint, ("OTEL_TRACES_EXPORTER", "none")], 0),
        check(vec![endpoint, ("OTEL_SDK_DISABLED", "true")], 0),
        check(vec![], 0),
    );
}

#[tokio::test]
async fn should_serve_and_stop_when_no_collector_answers() {
    let database = Database::migrated().await;
    let nobody = crate::stand_in::nobody().await;
    let operator = operator(&database.url).with("OTEL_EXPORTER_OTLP_ENDPOINT", nobody);
    let (running, url) = serve(&operator, &[]).await;
    let answer = send_as(&url, &Request { line: "GET /healthz", headers: &[], body: "" }).await;
    assert_eq!(answer.status, 200);
    running.signal(Signal::TERM);
    let (status, _, stderr) = running.ended().await;
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("opentelemetry"), "the log says what was lost: {stderr}");
}
