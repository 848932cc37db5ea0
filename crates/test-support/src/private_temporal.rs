//! A Temporal of a test's own, for what the run's is not set to, or to be killed.

use tempfile::TempDir;
use tenantry_embedded::{Home, Silent, temporal};

use crate::{Process, processes::kill_all_in, processes_in};

/// A Temporal server, which stops when this is dropped.
#[derive(Debug)]
pub struct PrivateTemporal {
    server: Option<temporal::Server>,
    options: temporal::Options,
    port: u16,
    home: Home,
    _folder: TempDir,
}

/// The limits and pauses of a server that nobody has set: twenty changes of namespaces a second, and two seconds until each part
/// has heard of one.
pub const AS_IN_PRODUCTION: [(&str, &str); 2] = [
    ("frontend.rps.namespaceReplicationInducingAPIs", "20"),
    ("system.forceSearchAttributesCacheRefreshOnRead", "false"),
];

impl PrivateTemporal {
    /// Starts one in memory with these settings.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Self::start_as(temporal::Storage::Memory, settings.collect()).await
    }

    /// Starts one that keeps what it has, also when it is killed.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_lasting() -> Self {
        Self::start_as(temporal::Storage::File, Vec::new()).await
    }

    async fn start_as(storage: temporal::Storage, dynamic_config: Vec<(String, String)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the server");
        let home = Home::open(folder.path()).expect("the folder is new");
        let options = temporal::Options { storage, dynamic_config, ..temporal::Options::default() };
        let server = temporal::Server::start(&home, options.clone(), &Silent).await.expect("Temporal starts");
        Self { port: server.port(), server: Some(server), options, home, _folder: folder }
    }

    /// Where it is.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The processes that it consists of.
    ///
    /// # Panics
    /// When the system does not list its processes.
    pub fn processes(&self) -> Vec<Process> {
        processes_in(self.home.path())
    }

    /// Kills it: it can do nothing about it.
    pub async fn kill(&mut self) {
        kill_all_in(self.home.path()).await;
        self.server = None;
    }

    /// Starts it again where it was.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        let options = temporal::Options { port: Some(self.port), ..self.options.clone() };
        let server =
            temporal::Server::start(&self.home, options, &Silent).await.expect("Temporal starts again");
        self.server = Some(server);
    }

    /// Stops it.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await.expect("Temporal stops");
        }
    }
}
