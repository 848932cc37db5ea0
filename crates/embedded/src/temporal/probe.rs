//! Whether a gRPC server answers, asked in HTTP/2 (RFC 9113).

use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

/// What a client says first, followed by its settings: none.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const FRAME_HEADER: usize = 9;
/// Where a frame's header names its type, and the type that a server must send first.
const TYPE: usize = 3;
const SETTINGS: u8 = 4;

/// Ends when the server on `port` of 127.0.0.1 speaks HTTP/2.
pub(super) async fn ready(port: u16) {
    while !answers(port).await.unwrap_or(false) {
        sleep(Duration::from_millis(20)).await;
    }
}

async fn answers(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(PREFACE).await?;
    let mut header = [0; FRAME_HEADER];
    stream.read_exact(&mut header).await?;
    Ok(header[TYPE] == SETTINGS)
}
