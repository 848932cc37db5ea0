//! From an API key to a caller.
//!
//! What a key is worth is read from PostgreSQL once and kept for as long as it holds ([`RightsWatch`]): until something changes in its
//! organization, and a minute at most. A node that does not hear of changes keeps nothing. Requests that come at once with the
//! same unknown key wait for one look-up. Keys that are worth nothing are remembered too, until anything changes anywhere,
//! so that a client that does not give up costs no query each time.
//!
//! [`RightsWatch`]: tenantry_storage::RightsWatch

mod recent;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moka::future::Cache;
use tenantry_domain::{Caller, Clock, Timestamp, api_key::SecretHash};
use tenantry_storage::{Moment, Store, api_keys};

use self::recent::{Recent, Tag};
use crate::{
    Error,
    rate_limits::{Buckets, Limit, RateLimits},
};

/// How many callers, and how many worthless keys, are remembered at most.
const MOST_CALLERS: u64 = 100_000;
const MOST_WORTHLESS: u64 = 10_000;
/// How long at most, whatever is heard.
const LONGEST: Duration = Duration::from_mins(1);

/// Turns API keys into callers.
#[derive(Clone)]
pub struct Authentication {
    store: Store,
    clock: Arc<dyn Clock>,
    limits: RateLimits,
    recent: Recent<Known>,
    callers: Cache<SecretHash, Arc<Known>>,
    worthless: Cache<SecretHash, Moment>,
    /// Keys that were good, but not where they were presented.
    elsewhere: Cache<SecretHash, Moment>,
    /// Keys that were good within the last hour, and have not been found to be worthless since: whatever else comes from their addresses, they are
    /// looked up.
    once_good: Cache<SecretHash, ()>,
}

/// A text that has the form of a secret: its tag, for [`Recent`], and its hash, for the cache and the database.
pub(crate) struct Presented {
    tag: Tag,
    hash: SecretHash,
}

/// A caller, when their rights were read, and what their requests are taken from.
pub(crate) struct Known {
    pub(crate) caller: Caller,
    pub(crate) buckets: Buckets,
    /// From when on the secret is worth nothing, whatever is heard.
    ends_at: Option<Timestamp>,
    /// `None` when it holds for one request only.
    since: Option<Moment>,
    read_at: Instant,
}

/// Why a look-up gave nobody.
enum Nobody {
    /// At that moment the key was worth nothing.
    Worthless(Moment),
    Failed(tenantry_storage::Error),
}

impl Authentication {
    pub(crate) fn new(store: Store, limits: RateLimits, clock: Arc<dyn Clock>) -> Self {
        let callers = Cache::builder().max_capacity(MOST_CALLERS).time_to_live(LONGEST).build();
        let worthless = || Cache::builder().max_capacity(MOST_WORTHLESS).time_to_live(LONGEST).build();
        let (worthless, elsewhere) = (worthless(), worthless());
        let once_good =
            Cache::builder().max_capacity(MOST_CALLERS).time_to_live(Duration::from_hours(1)).build();
        Self { store, clock, limits, recent: Recent::new(), callers, worthless, elsewhere, once_good }
    }

    /// Who presents this secret. Malformed, unknown, expired and revoked ones are all nobody, and nothing says which.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<Caller>, Error> {
        let Some(presented) = self.parse(secret) else { return Ok(None) };
        let known = match self.recall(&presented).await {
            Some(known) => Some(known),
            None => self.find(&presented).await?,
        };
        Ok(known.map(|known| known.caller.clone()))
    }

    /// Who presents this secret, if somebody has lately, and that holds.
    pub(crate) fn seen(&self, secret: &str) -> Option<Arc<Known>> {
        self.recent.get(self.recent.tag(secret)).filter(|known| self.holds(known))
    }

    /// The secret, if it has the form of one.
    pub(crate) fn parse(&self, secret: &str) -> Option<Presented> {
        Some(Presented { hash: SecretHash::of_presented(secret).ok()?, tag: self.recent.tag(secret) })
    }

    /// Who presents this secret, if that is known and holds.
    pub(crate) async fn recall(&self, presented: &Presented) -> Option<Arc<Known>> {
        let known = self.callers.get(&presented.hash).await?;
        if self.holds(&known) {
            self.recent.put(presented.tag, &known);
            return Some(known);
        }
        self.callers.invalidate(&presented.hash).await;
        None
    }

    /// Whether this secret was good a while ago.
    pub(crate) async fn has_known(&self, presented: &Presented) -> bool {
        self.once_good.get(&presented.hash).await.is_some()
    }

    fn holds(&self, known: &Known) -> bool {
        let ended = known.ends_at.is_some_and(|at| at <= self.clock.now());
        let organization = known.caller.organization().id;
        let rights = known.since.is_some_and(|since| self.store.rights().hold(organization, since));
        !ended && rights && known.read_at.elapsed() < LONGEST && self.limits.fit(&known.buckets)
    }

    /// Who presents this secret, which is not known.
    pub(crate) async fn find(&self, presented: &Presented) -> Result<Option<Arc<Known>>, Error> {
        let &Presented { tag, hash } = presented;
        if let Some(since) = self.worthless.get(&hash).await
            && self.store.rights().unchanged(since)
        {
            return Ok(None);
        }
        // Taken before the rights are read: a change that comes in between makes them void.
        let Some(since) = self.store.rights().now() else {
            return Ok(self.look_up(&hash, None).await?);
        };
        let load = async {
            match self.look_up(&hash, Some(since)).await {
                Ok(Some(known)) => Ok(known),
                Ok(None) => Err(Nobody::Worthless(since)),
                Err(error) => Err(Nobody::Failed(error)),
            }
        };
        match self.callers.try_get_with(hash, load).await {
            Ok(known) if self.holds(&known) => {
                self.recent.put(tag, &known);
                return Ok(Some(known));
            }
            Ok(_) => {}
            Err(nobody) => match &*nobody {
                Nobody::Worthless(since) => {
                    self.worthless.insert(hash, *since).await;
                    self.once_good.invalidate(&hash).await;
                    if self.store.rights().unchanged(*since) {
                        return Ok(None);
                    }
                }
                Nobody::Failed(error) => return Err(Error::of_shared(error)),
            },
        }
        // It may have been somebody else's look-up, which began before a change that this request must see.
        Ok(self.look_up(&hash, None).await?)
    }

    /// Finds nobody, in the time that it takes to find nobody for a key that is worth nothing: for one that is good, but not where it was
    /// presented.
    pub(crate) async fn find_nobody(&self, presented: &Presented) -> Result<(), Error> {
        let rights = self.store.rights();
        if let Some(since) = self.elsewhere.get(&presented.hash).await
            && rights.unchanged(since)
        {
            return Ok(());
        }
        let since = rights.now();
        self.look_up(&presented.hash, None).await?;
        if let Some(since) = since {
            self.elsewhere.insert(presented.hash, since).await;
        }
        Ok(())
    }

    async fn look_up(
        &self,
        hash: &SecretHash,
        since: Option<Moment>,
    ) -> Result<Option<Arc<Known>>, tenantry_storage::Error> {
        let read_at = Instant::now();
        let caller = api_keys::authenticate(&self.store, hash, self.clock.now()).await?;
        if caller.is_some() {
            self.once_good.insert(*hash, ()).await;
        }
        Ok(caller.map(|caller| {
            let limit = caller.api_key().limits.rate_limit.map(|limit| Limit {
                requests: limit.requests(),
                per: Duration::from_secs(limit.per_seconds().into()),
            });
            let organization = Limit::each_second(caller.requests_per_second());
            let buckets = self.limits.of(&caller, limit, organization);
            Arc::new(Known { ends_at: caller.ends_at(), caller, buckets, since, read_at })
        }))
    }
}
