//! From an API key to a caller.
//!
//! What a key is worth is read from PostgreSQL once and kept for as long as it holds ([`Rights`]): until something changes in its
//! organization, and a minute at most. A node that does not hear of changes keeps nothing. Requests that come at once with the
//! same unknown key wait for one look-up. Keys that are worth nothing are remembered too, until anything changes anywhere,
//! so that a client that does not give up costs no query each time.
//!
//! [`Rights`]: tenantry_storage::Rights

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use tenantry_domain::{Caller, Clock, Secret, api_key::SecretHash};
use tenantry_storage::{Moment, Store, api_keys};

use crate::Error;

/// How many callers, and how many worthless keys, are remembered at most.
const MOST_CALLERS: u64 = 100_000;
const MOST_WORTHLESS: u64 = 10_000;
/// How long at most, whatever is heard.
const LONGEST: Duration = Duration::from_secs(60);

/// Turns API keys into callers.
#[derive(Clone)]
pub struct Authentication {
    store: Store,
    clock: Arc<dyn Clock>,
    callers: Cache<SecretHash, Known>,
    worthless: Cache<SecretHash, Moment>,
}

/// A caller, and when their rights were read.
#[derive(Clone)]
struct Known {
    caller: Caller,
    since: Moment,
}

/// Why a look-up gave nobody.
enum Nobody {
    /// At that moment the key was worth nothing.
    Worthless(Moment),
    Failed(tenantry_storage::Error),
}

impl Authentication {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let callers = Cache::builder().max_capacity(MOST_CALLERS).time_to_live(LONGEST).build();
        let worthless = Cache::builder().max_capacity(MOST_WORTHLESS).time_to_live(LONGEST).build();
        Self { store, clock, callers, worthless }
    }

    /// Who presents this secret. Malformed, unknown, expired and revoked ones are all nobody, and nothing says which.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<Caller>, Error> {
        let Ok(secret) = Secret::parse(secret) else { return Ok(None) };
        let hash = secret.hash();
        if let Some(known) = self.callers.get(&hash).await {
            if self.holds(&known) {
                return Ok(Some(known.caller));
            }
            self.callers.invalidate(&hash).await;
        } else if let Some(since) = self.worthless.get(&hash).await
            && self.store.rights().unchanged(since)
        {
            return Ok(None);
        }
        self.find(hash).await
    }

    fn holds(&self, known: &Known) -> bool {
        let expired = known.caller.api_key().expires_at.is_some_and(|at| at <= self.clock.now());
        !expired && self.store.rights().hold(known.caller.organization().id, known.since)
    }

    async fn find(&self, hash: SecretHash) -> Result<Option<Caller>, Error> {
        // Taken before the rights are read: a change that comes in between makes them void.
        let Some(since) = self.store.rights().now() else {
            return Ok(self.look_up(&hash).await?);
        };
        let load = async {
            match self.look_up(&hash).await {
                Ok(Some(caller)) => Ok(Known { caller, since }),
                Ok(None) => Err(Nobody::Worthless(since)),
                Err(error) => Err(Nobody::Failed(error)),
            }
        };
        match self.callers.try_get_with(hash, load).await {
            Ok(known) if self.holds(&known) => return Ok(Some(known.caller)),
            Ok(_) => {}
            Err(nobody) => match &*nobody {
                Nobody::Worthless(since) => {
                    self.worthless.insert(hash, *since).await;
                    if self.store.rights().unchanged(*since) {
                        return Ok(None);
                    }
                }
                Nobody::Failed(error) => return Err(Error::of_shared(error)),
            },
        }
        // It may have been somebody else's look-up, which began before a change that this request must see.
        Ok(self.look_up(&hash).await?)
    }

    async fn look_up(&self, hash: &SecretHash) -> Result<Option<Caller>, tenantry_storage::Error> {
        api_keys::authenticate(&self.store, hash, self.clock.now()).await
    }
}
