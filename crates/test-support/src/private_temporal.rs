//! A Temporal of a test's own, for what the run's is not set to.

use tempfile::TempDir;
use tenantry_embedded::{Home, Silent, temporal};

/// A Temporal server in memory, which stops when this is dropped.
#[derive(Debug)]
pub struct PrivateTemporal {
    server: temporal::Server,
    _home: TempDir,
}

/// The limits and pauses of a server that nobody has set: twenty changes of namespaces a second, and two seconds until each part
/// has heard of one.
pub const AS_IN_PRODUCTION: [(&str, &str); 2] = [
    ("frontend.rps.namespaceReplicationInducingAPIs", "20"),
    ("system.forceSearchAttributesCacheRefreshOnRead", "false"),
];

impl PrivateTemporal {
    /// Starts one with these settings.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the server");
        let home = Home::open(folder.path()).expect("the folder is new");
        let settings = settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let options = temporal::Options {
            storage: temporal::Storage::Memory,
            dynamic_config: settings.collect(),
            ..temporal::Options::default()
        };
        let server = temporal::Server::start(&home, options, &Silent).await.expect("Temporal starts");
        Self { server, _home: folder }
    }

    /// Where it is.
    pub fn address(&self) -> String {
        self.server.address()
    }

    /// Stops it.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop(self) {
        self.server.stop().await.expect("Temporal stops");
    }
}
