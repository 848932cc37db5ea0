//! A server that is killed and comes back.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::sleep;

use crate::{running::Running, serve::serve, tenantry::Tenantry};

/// A node: `tenantry serve` at one address.
pub(crate) struct Node {
    operator: Tenantry,
    pub(crate) url: String,
    running: Option<Running>,
    /// What those that were killed had said.
    log: String,
}

impl Node {
    /// Starts one.
    pub(crate) async fn start(database_url: &str, temporal_address: &str) -> Self {
        let operator = Tenantry::nobody()
            .with("DATABASE_URL", database_url)
            .with("TEMPORAL_ADDRESS", temporal_address)
            .with("TENANTRY_EGRESS_ALLOW", "127.0.0.0/8");
        let (running, url) = serve(&operator, &["--http-addr", "127.0.0.1:0"]).await;
        Self { operator, url, running: Some(running), log: String::new() }
    }

    /// Kills it, and starts it again at the same address after this time.
    pub(crate) async fn kill_for(&mut self, away: Duration) {
        let running = self.running.take().expect("it runs");
        running.signal(Signal::KILL);
        self.log += &running.ended().await.2;
        sleep(away).await;
        let address = self.url.trim_start_matches("http://");
        let (running, url) = serve(&self.operator, &["--http-addr", address]).await;
        assert_eq!(url, self.url);
        self.running = Some(running);
    }

    /// Stops it, and gives all that it has said.
    pub(crate) async fn stop(mut self) -> String {
        let running = self.running.take().expect("it runs");
        running.signal(Signal::TERM);
        let (status, _, stderr) = running.ended().await;
        assert_eq!(status.code(), Some(0), "{stderr}");
        self.log + &stderr
    }
}
