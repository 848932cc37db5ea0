//! This node among the others: it says that it lives, and so learns how many share the rate limits.

use std::time::Duration;

use tenantry_domain::chain;
use tenantry_storage::{Store, nodes};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::rate_limits::RateLimits;

/// How often a node says that it lives; the others miss it after three times.
const EVERY: Duration = Duration::from_secs(3);
/// How long its farewell may take.
const FAREWELL: Duration = Duration::from_secs(2);

pub(crate) struct Heart {
    node: Uuid,
    store: Store,
    limits: RateLimits,
}

impl Heart {
    pub(crate) fn new(store: Store, limits: RateLimits) -> Self {
        Self { node: Uuid::new_v4(), store, limits }
    }

    /// Beats until it is dropped. While PostgreSQL is away, the last count holds.
    pub(crate) async fn beat(&self) {
        loop {
            match nodes::beat(&self.store, self.node).await {
                Ok(nodes) => self.limits.share_among(nodes),
                Err(error) => tracing::warn!(error = chain(&error), "not counting nodes"),
            }
            sleep(EVERY).await;
        }
    }

    /// Leaves its share to the others at once.
    pub(crate) async fn stop(&self) {
        if let Ok(Err(error)) = timeout(FAREWELL, nodes::leave(&self.store, self.node)).await {
            tracing::debug!(error = chain(&error), "the other nodes will miss this one in a while");
        }
    }
}
