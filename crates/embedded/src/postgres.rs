//! A private PostgreSQL.

mod archive;
mod cluster;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use tokio::{process::Command, time::sleep};

use crate::{
    Error, Home,
    account::Account,
    cache::cache_folder,
    daemon::{Daemon, Program},
    guard::StopSignal,
    progress::Progress,
    server_log::ServerLog,
};

pub use archive::VERSION;
use cluster::Cluster;

const DATABASE: &str = "tenantry";
const SUPERUSER: &str = "postgres";
/// Settings for data that nobody will miss.
const FAST: [&str; 3] = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];

/// How a private PostgreSQL runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; any free one if absent.
    pub port: Option<u16>,
    /// Whether what was committed survives a crash of the machine. Tests, which throw their data away, are faster
    /// without.
    pub durable: bool,
    /// How many connections it accepts.
    pub max_connections: u16,
    /// PostgreSQL's `shared_buffers`, such as `1GB`; its default if absent.
    pub shared_buffers: Option<String>,
    /// Where the download is kept; [`cache_folder`] if absent.
    pub cache: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: None, durable: true, max_connections: 100, shared_buffers: None, cache: None }
    }
}

/// A PostgreSQL that answers. Dropping it asks it to stop and waits for nothing.
#[derive(Debug)]
pub struct Server {
    daemon: Daemon,
    url: String,
}

impl Server {
    /// Fetches PostgreSQL if the cache lacks it, unpacks it and makes the database if the home lacks them, and starts
    /// it. Waits for a server of an earlier process to be gone.
    ///
    /// # Errors
    /// [`Error`] says what to do. Whatever failed, a later start begins with what was done in full.
    pub async fn start(home: &Home, options: Options, progress: &dyn Progress) -> Result<Self, Error> {
        let log = ServerLog::of(home, "PostgreSQL", "postgresql").lock(home, progress).await?;
        let cache = options.cache.clone().map_or_else(cache_folder, Ok)?;
        let programs = archive::unpacked(home, &cache, progress).await?;
        let account = Account::choose(home, &programs.join("postgres")).await?;
        let cluster = Cluster::of(home, programs, account)?;
        cluster.prepare(home, options.durable, &log, progress).await?;
        let postgres = Postgres { cluster: &cluster, options: &options };
        let daemon = Daemon::start(&postgres, options.port, home, &log, progress).await?;
        let url =
            format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/{DATABASE}", cluster.password, daemon.port());
        Ok(Self { daemon, url })
    }

    /// The URL of the database `tenantry` for its superuser; it holds the password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.daemon.port()
    }

    /// Waits until the server has ended, which it should not by itself. May be given up and called again.
    pub async fn exited(&mut self) {
        self.daemon.exited().await;
    }

    /// Stops the server; open connections are closed and their transactions rolled back.
    ///
    /// # Errors
    /// [`Error::Killed`] if it took longer than 10 s.
    pub async fn stop(self) -> Result<(), Error> {
        self.daemon.stop().await
    }
}

struct Postgres<'a> {
    cluster: &'a Cluster,
    options: &'a Options,
}

impl Program for Postgres<'_> {
    fn command(&self, home: &Home) -> Command {
        self.cluster.account.command("sh", home)
    }

    fn line(&self, port: u16) -> Vec<OsString> {
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            "unix_socket_directories=".to_owned(),
            format!("max_connections={}", self.options.max_connections),
            "max_wal_size=256MB".to_owned(),
        ];
        if !self.options.durable {
            settings.extend(FAST.map(str::to_owned));
        }
        settings.extend(self.options.shared_buffers.iter().map(|size| format!("shared_buffers={size}")));
        self.cluster.serve(settings)
    }

    fn stop(&self) -> StopSignal {
        StopSignal::Interrupt
    }

    async fn ready(&self, _port: u16) {
        while !self.cluster.is_served() {
            sleep(Duration::from_millis(10)).await;
        }
    }
}
