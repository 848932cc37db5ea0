//! Turns at what takes long and is the same for everybody: one at a time for each organization, and few in all. So an organization
//! waits for itself first, and then for one turn of each other organization at most.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tenantry_domain::OrganizationId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Turns to take.
#[derive(Debug)]
pub(crate) struct Shares {
    all: Arc<Semaphore>,
    /// Of organizations that have a turn or wait for one.
    own: Mutex<HashMap<OrganizationId, Weak<Semaphore>>>,
}

/// A turn, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _permits: [Option<OwnedSemaphorePermit>; 2],
}

impl Shares {
    /// So many at the same time in all.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(at_once)), own: Mutex::default() }
    }

    /// Takes the organization's turn, in the order in which its turns were asked for.
    pub(crate) async fn take(&self, organization: OrganizationId) -> Turn {
        // There is always a permit in the end: nobody closes these.
        let of_own = self.own(organization).acquire_owned().await.ok();
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok();
        Turn { _permits: [of_own, of_all] }
    }

    fn own(&self, organization: OrganizationId) -> Arc<Semaphore> {
        let mut shares = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = shares.get(&organization).and_then(Weak::upgrade) {
            return own;
        }
        shares.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(1));
        shares.insert(organization, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tenantry_domain::{Clock as _, SystemClock};

    use super::*;

    fn organization() -> OrganizationId {
        OrganizationId::generate(SystemClock.now())
    }

    #[test]
    fn should_let_one_organization_wait_for_itself_and_no_other_for_it() {
        let (shares, one, other) = (Shares::new(2), organization(), organization());
        let first = shares.take(one).now_or_never();
        assert!(first.is_some());
        assert!(shares.take(one).now_or_never().is_none(), "a second of the same");
        assert!(shares.take(other).now_or_never().is_some(), "another's");
        drop(first);
        assert!(shares.take(one).now_or_never().is_some(), "the next of the same");
    }

    #[test]
    fn should_bound_all_together_and_remember_nobody_who_has_left() {
        let shares = Shares::new(1);
        let first = shares.take(organization()).now_or_never();
        assert!(shares.take(organization()).now_or_never().is_none());
        drop(first);
        assert!(shares.take(organization()).now_or_never().is_some());
        let last = shares.own(organization());
        assert_eq!(shares.own.lock().expect("nobody panicked").len(), 1);
        drop(last);
    }
}
