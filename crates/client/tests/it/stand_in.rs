//! A server that gives the answers it was told to give: for what is hard to provoke from the real one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use tokio::net::TcpListener;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
    delay: Duration,
    is_of_events: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl std::fmt::Display) -> Self {
        let (headers, delay) = (Vec::new(), Duration::ZERO);
        Self { status, headers, body: body.to_string(), delay, is_of_events: false }
    }

    /// An answer to whoever asks for events: these, after which the stream is cut.
    pub(crate) fn events(text: impl std::fmt::Display) -> Self {
        Self::new(200, text).header("content-type", "text/event-stream").of_events()
    }

    /// The same answer, to whoever asks for events.
    pub(crate) fn of_events(self) -> Self {
        Self { is_of_events: true, ..self }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// What was asked of the server.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `GET /api/v0/me?limit=1`
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// The server. It gives each of its answers once, in their order, and then fails. Whoever asks for events when the next answer is none of
/// events is told that there are none.
pub(crate) struct StandIn {
    pub(crate) url: String,
    script: Script,
}

impl StandIn {
    pub(crate) async fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let script =
            Script { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Script::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().expect("no panic").clone()
    }

    pub(crate) fn asked_lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

/// The address of a port that nobody listens on.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
    script.asked.lock().expect("no panic").push(Asked {
        line: format!("{} {}", parts.method, parts.uri),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let asks_for_events = parts.uri.path().ends_with("/events");
    let next =
        script.answers.lock().expect("no panic").pop_front_if(|next| next.is_of_events == asks_for_events);
    let next = next.or_else(|| asks_for_events.then(|| Answer::new(404, r#"{"code": "not_found"}"#)));
    let next = next.unwrap_or_else(|| Answer::new(500, "the script has no more answers"));
    tokio::time::sleep(next.delay).await;
    let status = StatusCode::from_u16(next.status).expect("a status");
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], next.body).into_response();
    for (name, value) in next.headers {
        response.headers_mut().insert(name, value.parse().expect("a header"));
    }
    response
}
