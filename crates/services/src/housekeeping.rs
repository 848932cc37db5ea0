//! What a node does beside its requests: it hears of changes of rights, says that it lives, and writes when keys were used.

use tenantry_storage::Store;
use tokio_util::sync::CancellationToken;

use crate::{heart::Heart, last_used::LastUsed, rate_limits::RateLimits};

pub(crate) struct Housekeeping {
    store: Store,
    heart: Heart,
    last_used: LastUsed,
}

impl Housekeeping {
    pub(crate) fn new(store: Store, limits: RateLimits, last_used: LastUsed) -> Self {
        Self { heart: Heart::new(store.clone(), limits), store, last_used }
    }

    /// Goes on until it is told to stop, and then leaves nothing undone.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        tokio::select! {
            () = self.store.listen() => {}
            () = self.heart.beat() => {}
            () = self.last_used.keep(stop) => {}
        }
        tokio::join!(self.last_used.write(), self.heart.stop());
    }
}
