//! The server: its parts put together, served, and stopped in order. `tenantry serve` and `tenantry dev` differ only in where
//! PostgreSQL and Temporal come from.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tenantry_api::{Connections, Limits};
use tenantry_domain::{Clock, Networks, SystemClock, chain};
use tenantry_services::Services;
use tenantry_storage::{Options, Store, migrate};
use tenantry_temporal::{Temporal, egress};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::failure::{Exit, Failure};

/// How long requests and workers that had begun have to end.
const GRACE: Duration = Duration::from_secs(10);

/// How many files the server opens beside its clients' connections: those to PostgreSQL and Temporal, and what definitions call.
const OTHER_FILES: u64 = 1024;

/// The address that REST is to be served at, taken before anything slow happens.
pub(crate) struct Listener {
    listener: TcpListener,
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

/// What the server needs besides an address.
pub(crate) struct Settings {
    pub(crate) database_url: String,
    pub(crate) temporal_address: String,
    pub(crate) egress: egress::Policy,
    pub(crate) database_connections: u32,
    pub(crate) api: tenantry_api::Settings,
}

/// The server, ready to run.
pub(crate) struct Server {
    pub(crate) store: Store,
    services: Services,
    api: tenantry_api::Settings,
    reconciler: tenantry_services::Reconciler,
}

impl Server {
    pub(crate) fn new(settings: Settings) -> Result<Self, Failure> {
        let options = Options { max_connections: settings.database_connections, ..Options::default() };
        let store = open_store(&settings.database_url, &options)?;
        let temporal = Temporal::connect(&settings.temporal_address)
            .map_err(|error| Failure::invalid(format!("--temporal-address (TEMPORAL_ADDRESS): {error}")))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (services, reconciler) = Services::new(store.clone(), temporal, settings.egress, clock)
            .map_err(|error| Failure::new(Exit::Failed, "start", chain(&error)))?;
        Ok(Self { store, services, api: settings.api, reconciler })
    }

    /// Who presents this API key, if anybody.
    pub(crate) async fn knows(&self, api_key: &str) -> bool {
        matches!(self.services.authentication.authenticate(api_key).await, Ok(Some(_)))
    }

    /// Refuses a database in which the server could see past row-level security.
    pub(crate) async fn check_roles(&self) -> Result<(), Failure> {
        match self.store.unsafe_role().await {
            Ok(None) => Ok(()),
            Ok(Some(role)) => {
                let message = format!("the database role {role} could bypass row-level security");
                Err(Failure::new(Exit::Failed, "role", message)
                    .with_hint(format!("alter role {role} nosuperuser nobypassrls; and let it own no table")))
            }
            Err(error) => Err(Failure::new(Exit::Unavailable, "unavailable", chain(&error))),
        }
    }

    /// Serves until it is told to stop, then lets what had begun end.
    pub(crate) async fn run(self, listener: Listener, stop: CancellationToken) -> Result<(), Failure> {
        let mut parts = JoinSet::new();
        let router = tenantry_api::router(self.services, &self.api);
        parts.spawn(tenantry_api::serve(listener.listener, router, self.api.limits, stop.clone()));
        parts.spawn(self.reconciler.run(stop.clone()));
        // Neither part ends by itself: the first that does, ends the other.
        let first = parts.join_next().await;
        stop.cancel();
        let rest = timeout(GRACE, parts.join_all()).await;
        if rest.is_err() {
            tracing::warn!("some requests did not end in time and were cut off");
        }
        let _ = timeout(GRACE, self.store.close()).await;
        match first {
            Some(Err(error)) => {
                Err(Failure::new(Exit::Failed, "internal", format!("a part of the server panicked: {error}")))
            }
            Some(Ok(())) | None => Ok(()),
        }
    }
}

/// A stop that Ctrl-C, or whoever supervises the process, asks for. The second Ctrl-C does not wait for order.
pub(crate) fn stop_on_signal() -> Result<CancellationToken, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked.is_cancelled() {
                std::process::exit(130);
            }
            asked.cancel();
        }
    });
    Ok(stop)
}

/// The store behind this URL. Nothing connects yet: what is wrong here is the URL.
pub(crate) fn open_store(database_url: &str, options: &Options) -> Result<Store, Failure> {
    let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| database_url.starts_with(scheme));
    let store = is_postgres.then(|| Store::new(database_url, options).ok()).flatten();
    store.ok_or_else(bad_database_url)
}

/// Refuses a database whose schema is not this version's.
pub(crate) async fn check_schema(mut database: migrate::Database) -> Result<(), Failure> {
    let status = database.status().await.map_err(|error| migration_failed(&error))?;
    let missing = status.iter().filter(|step| !step.applied).count();
    if missing == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        "schema",
        format!("the database lacks {missing} migrations of this version"),
    )
    .with_hint("apply them with `tenantry migrate up`"))
}

pub(crate) fn migration_failed(error: &migrate::Error) -> Failure {
    let exit = if matches!(error, migrate::Error::Connect(_)) { Exit::Unavailable } else { Exit::Failed };
    Failure::new(exit, "migration", chain(error))
}

fn bad_database_url() -> Failure {
    // What is wrong with it is not repeated: it holds a password.
    Failure::invalid(
        "--database-url (DATABASE_URL) must be a URL such as postgres://user:password@host:5432/database",
    )
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
