//! REST without a client: what any program sees that speaks HTTP.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// One request, word for word.
pub(crate) struct Request<'a> {
    /// `GET /api/v0/me`
    pub(crate) line: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a str,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The header lines, their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All but what differs from request to request.
    pub(crate) fn without_id(mut self) -> (u16, Vec<(String, String)>, Value) {
        // What is left of the caller's limits is less after each request.
        self.headers.retain(|(name, _)| !["x-request-id", "date", "ratelimit"].contains(&name.as_str()));
        if let Some(body) = self.body.as_object_mut() {
            body.remove("request_id");
        }
        (self.status, self.headers, self.body)
    }
}

/// Sends a request with this key.
pub(crate) async fn send(url: &str, key: &str, line: &str, body: &str) -> Response {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    send_as(url, &Request { line, headers: &headers, body }).await
}

/// Sends a request as it stands.
pub(crate) async fn send_as(url: &str, request: &Request<'_>) -> Response {
    let address = url.trim_start_matches("http://");
    let mut text = format!("{} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n", request.line);
    let length = request.body.len().to_string();
    for (name, value) in request.headers.iter().chain(&[("content-length", length.as_str())]) {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.extend(["\r\n", request.body]);
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(text.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("a response");
    parse(&answer)
}

fn parse(answer: &str) -> Response {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.to_ascii_lowercase(), value.to_owned())
    };
    Response {
        status: status.parse().expect("a status"),
        headers: lines.map(header).collect(),
        body: if body.is_empty() { Value::Null } else { serde_json::from_str(body).expect("JSON") },
    }
}
