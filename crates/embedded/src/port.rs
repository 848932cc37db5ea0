//! Free ports.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use crate::Error;

/// The port that was asked for, if it is free, else any free one of 127.0.0.1.
pub(crate) fn choose(server: &'static str, wanted: Option<u16>) -> Result<u16, Error> {
    let chosen = match wanted {
        Some(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(|_| port),
        None => reserve(),
    };
    chosen.map_err(|_| Error::PortInUse { server, port: wanted.unwrap_or(0) })
}

/// A free port that nobody else is given for a while: a connection that its listener has closed first makes Linux pass
/// over it, but not refuse it to a server that asks for it by number.
fn reserve() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let client = TcpStream::connect(address)?;
    let (accepted, _) = listener.accept()?;
    drop(accepted);
    drop(client);
    Ok(address.port())
}
