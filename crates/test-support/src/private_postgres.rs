//! A PostgreSQL of a test's own, to be killed.

use tempfile::TempDir;
use tenantry_embedded::{Home, Silent, postgres};

use crate::{Process, processes::kill_all_in, processes_in};

/// A PostgreSQL server with an empty database, which stops when this is dropped. What was committed survives its end.
#[derive(Debug)]
pub struct PrivatePostgres {
    server: Option<postgres::Server>,
    url: String,
    port: u16,
    home: Home,
    _folder: TempDir,
}

impl PrivatePostgres {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the server");
        let home = Home::open(folder.path()).expect("the folder is new");
        let server = postgres::Server::start(&home, postgres::Options::default(), &Silent).await;
        let server = server.expect("PostgreSQL starts");
        let (url, port) = (server.url().to_owned(), server.port());
        Self { server: Some(server), url, port, home, _folder: folder }
    }

    /// The URL of its database, for the owner.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The processes that it consists of.
    ///
    /// # Panics
    /// When the system does not list its processes.
    pub fn processes(&self) -> Vec<Process> {
        processes_in(self.home.path())
    }

    /// Kills it, with all the processes that serve its connections: they can do nothing about it.
    pub async fn kill(&mut self) {
        kill_all_in(self.home.path()).await;
        self.server = None;
    }

    /// Starts it again where it was.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        let options = postgres::Options { port: Some(self.port), ..postgres::Options::default() };
        let server = postgres::Server::start(&self.home, options, &Silent).await;
        self.server = Some(server.expect("PostgreSQL starts again"));
    }

    /// Stops it.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await.expect("PostgreSQL stops");
        }
    }
}
