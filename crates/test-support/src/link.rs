//! A way to a server that a test can cut.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_util::io::InspectReader;

/// A port of this machine that leads to a server while it is open. Cut, it refuses connections, as a server does that does not run.
#[derive(Debug)]
pub struct Link {
    server: String,
    address: SocketAddr,
    /// Bound and never listening: it keeps the port from others while the link is cut.
    _reserved: TcpSocket,
    open: Option<JoinHandle<()>>,
    round_trips: Arc<AtomicU64>,
}

impl Link {
    /// A link to the server at this address (`host:port`, with or without `http://`). It is cut until it is opened.
    pub fn to(server: &str) -> Self {
        let (reserved, address) = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let server = server.trim_start_matches("http://").to_owned();
        Self { server, address, _reserved: reserved, open: None, round_trips: Arc::default() }
    }

    /// Where it begins, as `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Leads to the server from now on.
    pub fn open(&mut self) {
        let (socket, _) = bind(self.address);
        let listener = socket.listen(128).expect("a bound socket listens");
        self.open = Some(tokio::spawn(lead(listener, self.server.clone(), Arc::clone(&self.round_trips))));
    }

    /// How often so far a client spoke after the server had, or spoke first.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Relaxed)
    }

    /// Ends every connection, and refuses new ones.
    pub async fn cut(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
            let _ = open.await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort();
        }
    }
}

/// A socket at this address, which others of this process may share.
fn bind(address: SocketAddr) -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseport(true).expect("an option that every Unix has");
    socket.bind(address).expect("the port is ours");
    let address = socket.local_addr().expect("a bound socket has an address");
    (socket, address)
}

async fn lead(listener: TcpListener, server: String, round_trips: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let (server, round_trips) = (server.clone(), Arc::clone(&round_trips));
        connections.spawn(async move {
            let far = TcpStream::connect(server).await?;
            let turn = AtomicBool::new(true);
            let mut near = InspectReader::new(near, |said: &[u8]| {
                if !said.is_empty() && turn.swap(false, Relaxed) {
                    round_trips.fetch_add(1, Relaxed);
                }
            });
            let mut far = InspectReader::new(far, |_: &[u8]| turn.store(true, Relaxed));
            tokio::io::copy_bidirectional(&mut near, &mut far).await
        });
        while connections.try_join_next().is_some() {}
    }
}
