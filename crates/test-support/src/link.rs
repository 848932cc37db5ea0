//! A way to a server that a test can cut.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// A port of this machine that leads to a server while it is open. Cut, it refuses connections, as a server does that does not run.
#[derive(Debug)]
pub struct Link {
    server: String,
    address: SocketAddr,
    /// Bound and never listening: it keeps the port from others while the link is cut.
    _reserved: TcpSocket,
    open: Option<JoinHandle<()>>,
}

impl Link {
    /// A link to the server at this address (`host:port`, with or without `http://`). It is cut until it is opened.
    pub fn to(server: &str) -> Self {
        let (reserved, address) = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let server = server.trim_start_matches("http://").to_owned();
        Self { server, address, _reserved: reserved, open: None }
    }

    /// Where it begins, as `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Leads to the server from now on.
    pub fn open(&mut self) {
        let (socket, _) = bind(self.address);
        let listener = socket.listen(128).expect("a bound socket listens");
        self.open = Some(tokio::spawn(lead(listener, self.server.clone())));
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

async fn lead(listener: TcpListener, server: String) {
    let mut connections = JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        let server = server.clone();
        connections.spawn(async move {
            let mut far = TcpStream::connect(server).await?;
            tokio::io::copy_bidirectional(&mut near, &mut far).await
        });
        while connections.try_join_next().is_some() {}
    }
}
