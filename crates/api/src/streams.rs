//! Streams of server-sent events (WHATWG HTML, section 9.2): answers that go on.
//!
//! A stream is told of what happens, and ends when that does, when whoever asked may not see it any more, or when the server stops. Its
//! client takes it up again, wherever that is, with `Last-Event-ID`. While nothing happens a comment goes out now and then, so that
//! proxies keep the connection and a client that is gone is noticed.
//!
//! | bound | why |
//! |---|---|
//! | half of the connections that may be open are streams, an eighth of those an organization's, half of these a key's | there is room for other requests, other organizations, and their other keys |
//! | what is sent is made when the connection takes it | who is slow costs nothing |

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::stream;
use serde::Serialize;
use tenantry_domain::{ApiKeyId, OrgScope, OrganizationId};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::{
    App,
    permit::Again,
    problem::{Code, Problem},
    server::Connections,
};

/// How often it is looked whether whoever asked still may.
const CHECKED_EVERY: Duration = Duration::from_millis(500);
/// After how long without a word a comment is sent.
const SILENCE: Duration = Duration::from_secs(15);
/// How long clients are told to wait before they come again, in milliseconds.
const AGAIN_AFTER: u64 = 1000;

/// The streams of this node.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    most: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of: HashMap<Holder, usize>,
}

/// Whose streams are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Organization(OrganizationId),
    ApiKey(ApiKeyId),
}

/// A stream that counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    holders: Vec<Holder>,
    open: Arc<Mutex<Open>>,
}

impl Streams {
    /// As many as so many connections have room for.
    pub(crate) fn among(connections: &Connections) -> Self {
        Self { most: (connections.most() / 2).max(1), open: Arc::default() }
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        lock(&self.open).all
    }

    /// How many may be.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// How many of them may be this holder's.
    fn most_of(&self, holder: Holder) -> usize {
        let part = match holder {
            Holder::Organization(_) => 8,
            Holder::ApiKey(_) => 16,
        };
        (self.most / part).max(1)
    }

    /// One more in this organization, for whoever acts, if there is room.
    pub(crate) fn take(
        &self,
        organization: OrganizationId,
        api_key: Option<ApiKeyId>,
    ) -> Result<Slot, Problem> {
        let mut open = lock(&self.open);
        if open.all >= self.most {
            return Err(Problem::new(Code::Unavailable, "as many streams of events are open as may be"));
        }
        let holders: Vec<_> = [Some(Holder::Organization(organization)), api_key.map(Holder::ApiKey)]
            .into_iter()
            .flatten()
            .collect();
        for &holder in &holders {
            let most = self.most_of(holder);
            if open.of.get(&holder).is_some_and(|own| *own >= most) {
                return Err(Problem::too_many_streams(holder, most));
            }
        }
        for &holder in &holders {
            *open.of.entry(holder).or_default() += 1;
        }
        open.all += 1;
        Ok(Slot { holders, open: Arc::clone(&self.open) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        open.all -= 1;
        for holder in &self.holders {
            if let Some(own) = open.of.get_mut(holder) {
                *own -= 1;
                if *own == 0 {
                    open.of.remove(holder);
                }
            }
        }
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where events come from.
pub(crate) trait Source: Send + Sync + 'static {
    /// Waits for events and writes them; nothing when no more come. Whoever stops waiting misses nothing.
    fn next(&mut self) -> impl Future<Output = Option<Events>> + Send;

    /// Whether they may still be told to this scope.
    fn is_open_to(&self, scope: &OrgScope) -> bool;
}

/// Events as they are sent.
#[derive(Debug, Default)]
pub(crate) struct Events(String);

impl Events {
    /// Adds an event. Neither its id nor its kind has a line break.
    pub(crate) fn add(&mut self, id: impl std::fmt::Display, kind: &str, data: &impl Serialize) {
        // JSON without line breaks, as serde_json writes it.
        let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
        let _ = write!(self.0, "id: {id}\nevent: {kind}\ndata: {data}\n\n");
    }
}

/// Answers with the events of this source, until they end.
pub(crate) fn answer(app: &App, source: impl Source, again: Again, slot: Slot) -> Response {
    let stream = Stream {
        source,
        again,
        closing: app.connections.closing(),
        check: checks(),
        heard: Instant::now(),
        has_begun: false,
        end: Ending { outcome: "left", began: Instant::now(), span: Span::current(), _slot: slot },
    };
    let body = stream::unfold(stream, |mut stream| async {
        let bytes = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        // What a proxy holds back is late.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(body)).into_response()
}

fn checks() -> Interval {
    let mut checks = interval_at(Instant::now() + CHECKED_EVERY, CHECKED_EVERY);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    checks
}

/// An open stream.
struct Stream<S> {
    source: S,
    again: Again,
    closing: CancellationToken,
    check: Interval,
    /// When something was sent.
    heard: Instant,
    has_begun: bool,
    end: Ending,
}

impl<S: Source> Stream<S> {
    /// What is to be sent next; nothing at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.has_begun {
            self.has_begun = true;
            return Some(Bytes::from(format!("retry: {AGAIN_AFTER}\n\n")));
        }
        loop {
            let events = tokio::select! {
                biased;
                () = self.closing.cancelled() => return self.end("stopped"),
                _ = self.check.tick() => None,
                events = self.source.next() => match events {
                    None => return self.end("ok"),
                    events => events,
                },
            };
            if let Err(why) = self.may_go_on().await {
                return self.end(why);
            }
            let comment = || (self.heard.elapsed() >= SILENCE).then(|| Bytes::from_static(b":\n\n"));
            if let Some(bytes) = events.map(|events| events.0.into()).or_else(comment) {
                self.heard = Instant::now();
                return Some(bytes);
            }
        }
    }

    /// Whether whoever asked may still see it. If that cannot be known now, they ask again when it can.
    async fn may_go_on(&self) -> Result<(), &'static str> {
        let scope = self.again.scope().await.map_err(|problem| problem.code().word())?;
        let is_open = self.source.is_open_to(&scope);
        is_open.then_some(()).ok_or_else(|| Code::NotFound.word())
    }

    fn end(&mut self, outcome: &'static str) -> Option<Bytes> {
        self.end.outcome = outcome;
        None
    }
}

/// Notes the end of a stream in the log, whatever it is. That it began is the request's line.
struct Ending {
    outcome: &'static str,
    began: Instant,
    span: Span,
    _slot: Slot,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let seconds = self.began.elapsed().as_secs();
        self.span.in_scope(|| tracing::info!(outcome = self.outcome, seconds, "a stream of events ended"));
    }
}

#[cfg(test)]
mod tests {
    use tenantry_domain::{Clock as _, SystemClock};

    use super::*;

    #[test]
    fn should_leave_room_for_others_and_forget_who_has_left() {
        let streams = Streams::among(&Connections::at_most(64));
        let organization = || OrganizationId::generate(SystemClock.now());
        let key = || Some(ApiKeyId::generate(SystemClock.now()));
        let (acme, flood) = (organization(), key());
        let mut slots: Vec<_> = (0..2).map(|_| streams.take(acme, flood).expect("room")).collect();
        assert_eq!(
            streams.take(acme, flood).expect_err("half of the organization's").code(),
            Code::RateLimited
        );
        slots.extend((0..2).map(|_| streams.take(acme, key()).expect("room for another key")));
        assert_eq!(streams.take(acme, key()).expect_err("an eighth of all").code(), Code::RateLimited);
        slots.push(streams.take(organization(), key()).expect("another organization's"));
        assert_eq!((streams.open(), streams.most()), (5, 32));
        slots.clear();
        assert_eq!(streams.open(), 0);
        assert!(lock(&streams.open).of.is_empty());
        slots.extend((0..32).map(|_| streams.take(organization(), key()).expect("room")));
        assert_eq!(streams.take(acme, flood).expect_err("all").code(), Code::Unavailable);
    }

    #[test]
    fn should_write_an_event_in_lines_that_only_we_break() {
        let mut events = Events::default();
        events.add("task-1", "task", &"two\nlines\r\nid: forged");
        assert_eq!(events.0, "id: task-1\nevent: task\ndata: \"two\\nlines\\r\\nid: forged\"\n\n");
    }
}
