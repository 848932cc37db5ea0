//! A Temporal of a test's own, to be stopped and started.

use tempfile::TempDir;
use tenantry_embedded::{Home, Silent, temporal};

/// A development server on a fixed port, whose state survives its process.
pub(crate) struct Server {
    port: u16,
    home: TempDir,
    running: Option<temporal::Server>,
}

impl Server {
    /// One that does not run yet.
    pub(crate) fn new(port: u16) -> Self {
        Self { port, home: tempfile::tempdir().expect("a directory"), running: None }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) async fn start(&mut self) {
        let home = Home::open(self.home.path()).expect("a home");
        let options = temporal::Options { port: Some(self.port), ..temporal::Options::default() };
        self.running = Some(temporal::Server::start(&home, options, &Silent).await.expect("a server"));
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(server) = self.running.take() {
            server.stop().await.expect("the server stops");
        }
    }
}
