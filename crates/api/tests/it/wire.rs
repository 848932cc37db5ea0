//! Somebody who writes HTTP by hand, as slowly and as badly as they like.

use std::time::Duration;

use tenantry_test_support::App;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::caller::BASE;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    host: String,
}

impl Wire {
    pub(crate) async fn to(app: &App) -> Self {
        let host = app.url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).await.expect("a connection");
        Self { stream, host }
    }

    /// The head of a request for a path that asks for no credential.
    pub(crate) fn get(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host)
    }

    /// The head of a request with a body of JSON.
    pub(crate) fn post(&self, path: &str, secret: &str, length: usize) -> String {
        format!(
            "POST {BASE}{path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {secret}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
            self.host
        )
    }

    /// Writes it, if the other end still listens.
    pub(crate) async fn say(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
    }

    /// One whole answer; nothing, if the connection ends instead.
    pub(crate) async fn answer(&mut self) -> String {
        timeout(PATIENCE, self.read_answer()).await.expect("an answer or an end in time")
    }

    async fn read_answer(&mut self) -> String {
        let mut text = String::new();
        while !is_whole(&text) {
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes).await {
                Ok(length @ 1..) => text.push_str(&String::from_utf8_lossy(&bytes[..length])),
                _ => return text,
            }
        }
        text
    }

    /// Everything until the connection ends.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let reading = self.stream.read_to_end(&mut bytes);
        // A connection may be cut in the middle of what is read.
        let _ = timeout(PATIENCE, reading).await.expect("an end in time");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether nothing comes for so long.
    pub(crate) async fn is_silent_for(&mut self, duration: Duration) -> bool {
        timeout(duration, self.stream.peek(&mut [0])).await.is_err()
    }
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}
