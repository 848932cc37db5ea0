//! One token bucket.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, MonotonicClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};

/// So many requests in a period: the whole deployment's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many. None at all counts as one.
    pub requests: u32,
    /// In how long.
    pub per: Duration,
}

impl Limit {
    /// So many each second.
    pub const fn each_second(requests: u32) -> Self {
        Self { requests, per: Duration::from_secs(1) }
    }
}

/// What a request left in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The bucket's limit.
    pub limit: Limit,
    /// How many requests this node would still take at once.
    pub remaining: u32,
    /// When the bucket will be full again, if nothing more is taken.
    pub full_in: Duration,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, StateInformationMiddleware>;

pub(super) struct Bucket {
    limit: Limit,
    nodes: u32,
    share: NonZeroU32,
    one_per: Duration,
    limiter: Limiter,
}

impl Bucket {
    pub(super) fn new(limit: Limit, nodes: u32) -> Self {
        let share = NonZeroU32::new(limit.requests / nodes).unwrap_or(NonZeroU32::MIN);
        let one_per = (limit.per * nodes / limit.requests.max(1)).max(Duration::from_nanos(1));
        let quota = Quota::with_period(one_per).unwrap_or(Quota::per_second(share)).allow_burst(share);
        let limiter = RateLimiter::direct_with_clock(quota, MonotonicClock).with_middleware();
        Self { limit, nodes, share, one_per, limiter }
    }

    pub(super) fn is_of(&self, limit: Limit, nodes: u32) -> bool {
        self.limit == limit && self.nodes == nodes
    }

    pub(super) fn is_shared_among(&self, nodes: u32) -> bool {
        self.nodes == nodes
    }

    /// Takes one request; if there is none left, says when there will be.
    pub(super) fn take(&self) -> Result<Spent, (Spent, Duration)> {
        match self.limiter.check() {
            Ok(state) => Ok(self.spent(state.remaining_burst_capacity())),
            Err(until) => Err((self.spent(0), until.wait_time_from(MonotonicClock.now()))),
        }
    }

    fn spent(&self, remaining: u32) -> Spent {
        let full_in = self.one_per * (self.share.get() - remaining.min(self.share.get()));
        Spent { limit: self.limit, remaining, full_in }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &Bucket) -> u32 {
        (0..1000).map_while(|_| bucket.take().ok()).count().try_into().expect("few")
    }

    #[test]
    fn should_take_as_many_as_its_limit_and_then_say_when_there_is_room() {
        let hour = Duration::from_hours(1);
        let bucket = Bucket::new(Limit { requests: 60, per: hour }, 1);
        assert_eq!(bucket.take().expect("it is full").remaining, 59);
        assert_eq!(taken(&bucket), 59);
        let (spent, retry_after) = bucket.take().expect_err("it is empty");
        assert_eq!((spent.remaining, spent.full_in), (0, hour));
        assert!(retry_after <= Duration::from_mins(1) && retry_after > Duration::from_secs(50));
    }

    #[test]
    fn should_take_its_share_of_a_limit() {
        for (requests, nodes, share) in [(60, 1, 60), (60, 2, 30), (60, 7, 8), (3, 4, 1), (0, 1, 1)] {
            let bucket = Bucket::new(Limit { requests, per: Duration::from_hours(1) }, nodes);
            assert_eq!(taken(&bucket), share, "{requests} among {nodes}");
        }
    }
}
