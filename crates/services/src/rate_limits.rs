//! How much anybody may ask of this node: token buckets in memory.
//!
//! | whose | limit | counts |
//! |---|---|---|
//! | an API key's | its own, if it has one | its requests |
//! | an organization's | its quota `requests_per_second` | the requests of all its keys |
//! | an API key's, for what is urgent | [`RESERVE`] | requests about keys and users that its organization's bucket refuses |
//! | a source address's | [`FAILURES`] | credentials that were worth nothing |
//!
//! The reserve is so that a key that floods does not keep its organization from ending it. Each key has its own, so the one that floods
//! empties nobody else's. A key has none until it is as old as the reserve's period: one that is full each time that a key is made would be
//! no limit.
//!
//! A request is taken from the key's bucket first: one that its organization's refuses has been taken from the key's, so that a key beyond its own
//! limit takes nothing of what the others share.
//!
//! A bucket holds as much as its limit allows in one period and fills evenly over it. With several nodes each has its share of a
//! limit. Memory is bounded: the buckets of those who asked last are kept, and addresses share a fixed number of buckets.

mod bucket;
mod failures;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use moka::sync::Cache;
use tenantry_domain::{ApiKeyId, Caller, OrganizationId, Timestamp};

use self::bucket::Bucket;
pub use self::{
    bucket::{Limit, Spent},
    failures::Failures,
};

/// How many buckets are kept at most. One that is pushed out begins full when its owner comes back.
const MOST_BUCKETS: u64 = 200_000;

/// How many worthless credentials an address may present: so many at once, and so many in a minute.
pub const FAILURES: Limit = Limit { requests: 100, per: Duration::from_mins(1) };

/// How many urgent requests a key may make beyond what its organization may: so many at once, and so many in a minute.
pub const RESERVE: Limit = Limit { requests: 20, per: Duration::from_mins(1) };

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    ApiKey(ApiKeyId),
    Organization(OrganizationId),
    Reserve(ApiKeyId),
}

/// The buckets of this node.
#[derive(Clone)]
pub struct RateLimits {
    buckets: Cache<Owner, Arc<Bucket>>,
    nodes: Arc<AtomicU32>,
}

/// The buckets that a caller's requests are taken from.
#[derive(Clone)]
pub struct Buckets {
    api_key: Option<Arc<Bucket>>,
    organization: Arc<Bucket>,
}

/// What is left in the buckets that a request was taken from: for the answer's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The key's own limit, if it has one.
    pub api_key: Option<Spent>,
    /// The organization's, unless the key's refused the request before.
    pub organization: Option<Spent>,
}

/// A request too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct Limited {
    /// What is left, for callers whose limits are their own to know.
    pub standing: Option<Standing>,
    /// When there is room for one more.
    pub retry_after: Duration,
}

impl RateLimits {
    pub(crate) fn new() -> Self {
        Self { buckets: Cache::new(MOST_BUCKETS), nodes: Arc::new(AtomicU32::new(1)) }
    }

    /// Says how many nodes share the limits, this one included.
    pub(crate) fn share_among(&self, nodes: u32) {
        self.nodes.store(nodes.max(1), Relaxed);
    }

    /// What this node has of something that is shared among all, at least one.
    pub(crate) fn share_of(&self, limit: u32) -> u32 {
        (limit / self.nodes.load(Relaxed)).max(1)
    }

    /// The buckets of a caller, with as much in them as when they were last asked for.
    pub(crate) fn of(&self, caller: &Caller, api_key: Option<Limit>, organization: Limit) -> Buckets {
        Buckets {
            api_key: api_key.map(|limit| self.bucket(Owner::ApiKey(caller.api_key().id), limit)),
            organization: self.bucket(Owner::Organization(caller.organization().id), organization),
        }
    }

    /// Takes a request from a caller's buckets, or, if it is the organization's that is empty and the request is urgent, from the key's
    /// reserve.
    pub(crate) fn take(
        &self,
        buckets: &Buckets,
        caller: &Caller,
        now: Timestamp,
        is_urgent: impl FnOnce() -> bool,
    ) -> Result<Standing, Limited> {
        let limited = match buckets.take() {
            Ok(standing) => return Ok(standing),
            Err(limited) => limited,
        };
        let by_organization = limited.standing.filter(|standing| standing.organization.is_some());
        let age = || (now - caller.api_key().created_at).to_std().unwrap_or_default();
        let reserve = || self.bucket(Owner::Reserve(caller.api_key().id), RESERVE);
        match by_organization {
            Some(standing) if is_urgent() && age() >= RESERVE.per && reserve().take().is_ok() => Ok(standing),
            _ => Err(limited),
        }
    }

    fn bucket(&self, owner: Owner, limit: Limit) -> Arc<Bucket> {
        let nodes = self.nodes.load(Relaxed);
        let fits = |bucket: &Arc<Bucket>| bucket.is_of(limit, nodes);
        let entry = self.buckets.entry(owner);
        entry.or_insert_with_if(|| Arc::new(Bucket::new(limit, nodes)), |bucket| !fits(bucket)).into_value()
    }

    /// Whether buckets are still as many nodes share them.
    pub(crate) fn fit(&self, buckets: &Buckets) -> bool {
        buckets.organization.is_shared_among(self.nodes.load(Relaxed))
    }
}

impl Buckets {
    /// Takes a request from each.
    fn take(&self) -> Result<Standing, Limited> {
        let api_key = match self.api_key.as_deref().map(Bucket::take).transpose() {
            Ok(spent) => spent,
            Err((spent, retry_after)) => {
                let standing = Standing { api_key: Some(spent), organization: None };
                return Err(Limited { standing: Some(standing), retry_after });
            }
        };
        match self.organization.take() {
            Ok(spent) => Ok(Standing { api_key, organization: Some(spent) }),
            Err((spent, retry_after)) => {
                let standing = Standing { api_key, organization: Some(spent) };
                Err(Limited { standing: Some(standing), retry_after })
            }
        }
    }
}
