//! How long a connection may keep the server waiting.
//!
//! Connections cost memory and are counted, so who holds one has to use it: begin a request before long, finish its head soon, take
//! the answer. [`Patient`] is the stream that hyper reads and writes, and fails when the other end does not. While a
//! request is in hand the limits of [`edge`](crate::edge) are the ones that count.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

/// How long to wait for the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the rest of a request's head once it has begun, and for the first request of a connection.
    pub head: Duration,
    /// For another request to begin. Longer than proxies keep idle connections, or they send into closed ones.
    pub idle: Duration,
    /// For the other end to take any part of an answer.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(10), idle: Duration::from_secs(75), write: Duration::from_secs(30) }
    }
}

/// Whose turn it is on a connection.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Odd while a request is in hand, even while the other end has to send one.
    number: AtomicU32,
    /// When the last request was let go, in milliseconds after `since`.
    ended: AtomicU64,
    since: Instant,
}

/// A request is in hand until this is dropped.
pub(crate) struct InHand(Arc<Turn>);

impl Turn {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { number: AtomicU32::new(0), ended: AtomicU64::new(0), since: Instant::now() })
    }

    pub(crate) fn take(self: &Arc<Self>) -> InHand {
        self.number.fetch_add(1, Ordering::Relaxed);
        InHand(Arc::clone(self))
    }

    fn number(&self) -> u32 {
        self.number.load(Ordering::Relaxed)
    }

    fn ended(&self) -> Instant {
        self.since + Duration::from_millis(self.ended.load(Ordering::Relaxed))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let ended = u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.ended.store(ended, Ordering::Relaxed);
        self.0.number.fetch_add(1, Ordering::Relaxed);
    }
}

/// An answer's body, with which the turn ends.
pub(crate) struct Answer {
    body: Body,
    _in_hand: InHand,
}

impl Answer {
    pub(crate) fn new(body: Body, in_hand: InHand) -> Self {
        Self { body, _in_hand: in_hand }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What the other end is waited for.
#[derive(Clone, Copy)]
enum Waiting {
    /// For a request to begin.
    Request,
    /// For the rest of its head, until then.
    Head(Instant),
}

/// A connection that does not wait for ever.
pub(crate) struct Patient {
    stream: TcpStream,
    patience: Patience,
    turn: Arc<Turn>,
    turn_seen: u32,
    reading: Waiting,
    writing: Option<Instant>,
    read_alarm: Alarm,
    write_alarm: Alarm,
}

impl Patient {
    pub(crate) fn new(stream: TcpStream, patience: Patience, turn: Arc<Turn>) -> Self {
        Self {
            stream,
            patience,
            turn_seen: turn.number(),
            turn,
            reading: Waiting::Head(Instant::now() + patience.head),
            writing: None,
            read_alarm: Alarm::default(),
            write_alarm: Alarm::default(),
        }
    }

    /// Whether a request is in hand. Whatever was waited for before it has come.
    fn in_hand(&mut self) -> bool {
        let turn = self.turn.number();
        if turn != self.turn_seen {
            self.turn_seen = turn;
            self.reading = Waiting::Request;
        }
        !turn.is_multiple_of(2)
    }

    /// Something was read. The head that begins with it has to end in time; what follows gives it no more.
    fn heard(&mut self) {
        if !self.in_hand() && !matches!(self.reading, Waiting::Head(_)) {
            self.reading = Waiting::Head(Instant::now() + self.patience.head);
        }
    }

    /// Nothing can be read now.
    fn wait_for_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let in_hand = self.in_hand();
        let deadline = match self.reading {
            // hyper does not read again when the request has been answered. So somebody has to look whether it has been.
            _ if in_hand => Instant::now() + self.patience.idle,
            Waiting::Head(deadline) => deadline,
            Waiting::Request => self.turn.ended() + self.patience.idle,
        };
        self.read_alarm.poll(deadline, cx)
    }

    /// Watches that what is written is taken.
    fn written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        let write = self.patience.write;
        let deadline = *self.writing.get_or_insert_with(|| Instant::now() + write);
        ready!(self.write_alarm.poll(deadline, cx))?;
        Poll::Pending
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_pending() {
            return self.wait_for_more(cx);
        }
        if buffer.filled().len() > before {
            self.heard();
        }
        read
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Rings at a deadline, which may change. Most deadlines never come, so a later one does not set it anew: it rings at the earlier
/// one and goes on.
#[derive(Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Fails at the deadline.
    fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            sleep.as_mut().reset(deadline);
        }
    }
}
