//! Where REST is served, and to whom: what `tenantry serve` and `tenantry dev` are both told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tenantry_api::{Connections, Limits};
use tenantry_domain::Networks;
use tokio::net::TcpListener;

use crate::failure::{Exit, Failure};

/// How many files the server opens beside its clients' connections: those to PostgreSQL and Temporal, and what definitions call.
const OTHER_FILES: u64 = 1024;

/// The address that REST is to be served at, taken before anything slow happens.
pub(crate) struct Listener {
    pub(crate) listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    async fn bind(wanted: SocketAddr) -> Result<Self, Failure> {
        let bound = async {
            let listener = TcpListener::bind(wanted).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bound.await.map_err(|error: std::io::Error| {
            Failure::new(Exit::Failed, "address", format!("cannot listen on {wanted}: {error}"))
                .with_hint("choose another address with --http-addr; port 0 takes any that is free")
        })
    }

    /// Where it is reached from this machine.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", reachable(self.address))
    }
}

/// Who listens on every address of the machine is reached at its loopback one.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// Where REST is served, and to whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Front {
    /// Where to serve REST, health and metrics; port 0 takes any that is free
    #[arg(long, env = "TENANTRY_HTTP_ADDR", default_value = "127.0.0.1:8090", value_name = "IP:PORT",
          value_parser = parse_address)]
    http_addr: SocketAddr,
    /// Networks of proxies whose X-Forwarded-For is believed, in CIDR notation, separated by commas
    #[arg(long, env = "TENANTRY_TRUSTED_PROXIES", default_value = "", value_name = "NETWORKS")]
    trusted_proxies: Networks,
    /// The most HTTP connections that may be open at once; more wait until one ends
    #[arg(long, env = "TENANTRY_MAX_CONNECTIONS", default_value_t = Connections::DEFAULT, value_name = "N",
          value_parser = parse_connections)]
    max_connections: usize,
}

impl Front {
    /// Takes the address, and as many file descriptors as the connections may need.
    pub(crate) async fn listen(&self) -> Result<Listener, Failure> {
        allow_files(u64::try_from(self.max_connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES));
        Listener::bind(self.http_addr).await
    }

    /// What the API is told of it.
    pub(crate) fn settings(&self) -> tenantry_api::Settings {
        let connections = Connections::at_most(self.max_connections);
        let limits = Limits { connections, ..Limits::default() };
        tenantry_api::Settings { trusted_proxies: self.trusted_proxies.clone(), limits }
    }
}

/// Lets the process open so many files, or as many as the system allows it: many systems allow 1024 until one asks for more.
fn allow_files(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.map_or(wanted, |most| most.min(wanted));
    if limit.current.is_some_and(|current| current < allowed) {
        // Without it the server can do all it could before.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), ..limit });
    }
}

fn parse_connections(text: &str) -> Result<usize, String> {
    let connections = text.parse().ok().filter(|most| (1..=Connections::MAX).contains(most));
    connections.ok_or_else(|| format!("must be a number from 1 to {}", Connections::MAX))
}

/// Reads an address to listen on.
fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8090 or [::1]:0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_name_an_address_that_can_be_called() {
        let check = |listening: &str, reached: &str| {
            assert_eq!(reachable(listening.parse().expect("an address")).to_string(), reached);
        };
        check("127.0.0.1:8090", "127.0.0.1:8090");
        check("0.0.0.0:8090", "127.0.0.1:8090");
        check("[::]:1", "[::1]:1");
        check("192.0.2.1:1", "192.0.2.1:1");
    }
}
