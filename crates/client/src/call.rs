//! One call: from the request to the `data` of its answer. Everything that the client sends goes through here.

use std::{marker::PhantomData, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{CONTENT_TYPE, ETAG, IF_MATCH, RETRY_AFTER},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Client, Error, error::refused};

/// A call that has not been sent, and will answer a `T`.
#[derive(Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call<T> {
    client: Client,
    request: RequestBuilder,
    answer: PhantomData<fn() -> T>,
}

impl<T> Call<T> {
    pub(crate) fn new(client: Client, method: Method, url: Url) -> Self {
        let request = client.begin(method, url).timeout(client.timeout);
        Self { client, request, answer: PhantomData }
    }

    /// Sends this as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.request = self.request.json(body);
        self
    }

    /// Sends this as it is.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.header(CONTENT_TYPE, content_type).body(body.into());
        self
    }

    /// Makes it safe to send again: the server answers the same key and body with its first answer for 24 hours.
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.request = self.request.header("Idempotency-Key", key);
        self
    }

    /// Does it only if the thing is still as an earlier [`Answer::etag`] says: so nothing is lost of what somebody else has changed since.
    /// Otherwise the server refuses it with 412, `precondition_failed`.
    pub fn if_match(mut self, etag: &str) -> Self {
        self.request = self.request.header(IF_MATCH, etag);
        self
    }

    /// The same call, answering the API's `data` unchanged.
    pub fn raw(self) -> Call<Value> {
        Call { client: self.client, request: self.request, answer: PhantomData }
    }

    pub(crate) async fn envelope(self) -> Result<Envelope, Error> {
        let response = self.request.send().await.map_err(|error| self.client.unreachable(error))?;
        if !response.status().is_success() {
            return Err(refusal(&self.client, response).await);
        }
        let status = response.status();
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let body = response.bytes().await.map_err(|error| self.client.unreachable(error))?;
        if body.is_empty() {
            return Ok(Envelope { status, etag, ..Envelope::default() });
        }
        let envelope = serde_json::from_slice(&body).map_err(|error| unexpected(status, &error))?;
        Ok(Envelope { status, etag, ..envelope })
    }
}

impl<T: DeserializeOwned> Call<T> {
    /// Sends it, and waits for the answer.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn send(self) -> Result<T, Error> {
        self.envelope().await?.read()
    }

    /// Sends it, and waits for the answer and what its head says.
    ///
    /// # Errors
    /// As [`Error`] says.
    pub async fn answer(self) -> Result<Answer<T>, Error> {
        let mut envelope = self.envelope().await?;
        let etag = envelope.etag.take();
        Ok(Answer { status: envelope.status.as_u16(), etag, data: envelope.read()? })
    }
}

/// An answer, and what its head says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer<T> {
    /// Its HTTP status: 201 says that something new was made.
    pub status: u16,
    /// What the thing is now, for [`Call::if_match`]: of what several people may edit.
    pub etag: Option<String>,
    /// What [`Call::send`] answers.
    pub data: T,
}

/// What every answer is wrapped in.
#[derive(Default, Deserialize)]
pub(crate) struct Envelope {
    data: Value,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
    #[serde(skip)]
    status: StatusCode,
    #[serde(skip)]
    etag: Option<String>,
}

impl Envelope {
    /// Its `data`, as what it should be.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, Error> {
        serde_json::from_value(self.data).map_err(|error| unexpected(self.status, &error))
    }
}

fn unexpected(status: StatusCode, error: &serde_json::Error) -> Error {
    Error::Unexpected { status: status.as_u16(), reason: error.to_string() }
}

/// What an answer that is no success says.
pub(crate) async fn refusal(client: &Client, response: Response) -> Error {
    let (status, retry_after) = (response.status(), retry_after(&response));
    match response.bytes().await {
        Ok(body) => refused(status, retry_after, &body),
        Err(error) => client.unreachable(error),
    }
}

/// The header's seconds (RFC 9110, 10.2.3); its other form, a date, counts as nothing said.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
