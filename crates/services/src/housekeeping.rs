//! What a node does beside its requests: it hears of changes of rights, says that it lives, writes when keys were used, and forgets
//! answers that are old.

use std::{convert::Infallible, time::Duration};

use tenantry_storage::Store;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    heart::Heart, idempotency::Idempotency, last_used::LastUsed, rate_limits::RateLimits, reconciler::report,
};

/// How often it looks for old answers.
const FORGET_EVERY: Duration = Duration::from_mins(5);

pub(crate) struct Housekeeping {
    store: Store,
    heart: Heart,
    last_used: LastUsed,
    idempotency: Idempotency,
}

impl Housekeeping {
    pub(crate) fn new(
        store: Store,
        limits: RateLimits,
        last_used: LastUsed,
        idempotency: Idempotency,
    ) -> Self {
        Self { heart: Heart::new(store.clone(), limits), store, last_used, idempotency }
    }

    /// Goes on until it is told to stop, and then leaves nothing undone.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        tokio::select! {
            () = self.store.listen() => {}
            () = self.heart.beat() => {}
            () = self.last_used.keep(stop) => {}
            never = self.forget() => match never {},
        }
        tokio::join!(self.last_used.write(), self.heart.stop());
    }

    async fn forget(&self) -> Infallible {
        loop {
            report(self.idempotency.forget().await);
            sleep(FORGET_EVERY).await;
        }
    }
}
