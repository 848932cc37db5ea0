//! The server loop: connections, and how many, how long and how they end.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::patience::{Answer, Patience, Patient, Turn};

/// The most that a request's head may have, in bytes; larger ones get 431. A connection holds a buffer of that size at most.
const HEAD_LIMIT: usize = 1 << 16;
/// How long to wait when the process has no more file descriptors: until some have been closed.
const BREATH: Duration = Duration::from_millis(500);

/// What connections may cost the server.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// How many may be open.
    pub connections: Connections,
    /// How long they may keep it waiting.
    pub patience: Patience,
}

/// How many connections are open, and how many may be. Clones count together.
#[derive(Clone, Debug)]
pub struct Connections {
    free: Arc<Semaphore>,
    open: Arc<AtomicUsize>,
    most: usize,
    closing: CancellationToken,
}

/// A connection that counts until this is dropped.
struct Slot {
    open: Arc<AtomicUsize>,
    _taken: OwnedSemaphorePermit,
}

impl Connections {
    /// How many may be open unless somebody says otherwise.
    pub const DEFAULT: usize = 4096;
    /// The most that somebody may say.
    pub const MAX: usize = 1 << 20;

    /// At most so many at a time, up to [`Self::MAX`]. Who comes while there are as many waits, unanswered, until one has ended.
    pub fn at_most(most: usize) -> Self {
        let most = most.min(Self::MAX);
        let free = Arc::new(Semaphore::new(most));
        Self { free, open: Arc::default(), most, closing: CancellationToken::new() }
    }

    /// How many may be open.
    pub fn most(&self) -> usize {
        self.most
    }

    /// How many are.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Cancelled when the server that they are open to stops: what would go on for long ends.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }
}

impl Slot {
    fn new(connections: &Connections, taken: OwnedSemaphorePermit) -> Self {
        connections.open.fetch_add(1, Ordering::Relaxed);
        Self { open: Arc::clone(&connections.open), _taken: taken }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self::at_most(Self::DEFAULT)
    }
}

/// Serves until it is told to stop, and then until the requests that had begun have been answered. Dropped, it cuts them off.
///
/// HTTP/1.1 only: the protocol that every client and proxy speaks, and the one whose cost per connection is bounded by its head
/// and its body. TLS and HTTP/2 are the proxy's.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let mut open = JoinSet::new();
    while let Some((stream, peer, slot)) = next(&listener, &limits.connections, &stop).await {
        // What has ended is let go of.
        while open.try_join_next().is_some() {}
        let attending = attend(stream, peer, router.clone(), limits.patience, stop.child_token());
        open.spawn(async move {
            attending.await;
            drop(slot);
        });
    }
    drop(listener);
    limits.connections.closing.cancel();
    while open.join_next().await.is_some() {}
}

/// The next connection, once there is room for it; none when it is time to stop.
async fn next(
    listener: &TcpListener,
    connections: &Connections,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, Slot)> {
    let next = async {
        let taken = Arc::clone(&connections.free).acquire_owned().await.ok()?;
        let (stream, peer) = accept(listener).await;
        Some((stream, peer, Slot::new(connections, taken)))
    };
    stop.run_until_cancelled(next).await?
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // Somebody went before they were let in.
            Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) => {
            }
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                sleep(BREATH).await;
            }
        }
    }
}

/// Answers the requests of one connection, one after the other.
async fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    patience: Patience,
    stop: CancellationToken,
) {
    // An answer is written at once; waiting for more to send with it would only delay it.
    let _ = stream.set_nodelay(true);
    let turn = Turn::new();
    let stream = TokioIo::new(Patient::new(stream, patience, Arc::clone(&turn)));
    let service = service_fn(move |mut request: axum::http::Request<Incoming>| {
        let in_hand = turn.take();
        request.extensions_mut().insert(ConnectInfo(peer));
        let answering = router.clone().call(request);
        async move { Ok::<_, Infallible>(answering.await?.map(|body| Answer::new(body, in_hand))) }
    });
    let mut http = http1::Builder::new();
    // The stream has limits of its own, which tell an idle connection from half a head.
    http.max_buf_size(HEAD_LIMIT).header_read_timeout(None);
    let mut connection = pin!(http.serve_connection(stream, service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error = tenantry_domain::chain(&error), "a connection failed");
    }
}
