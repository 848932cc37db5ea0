//! Addresses from which worthless credentials come.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::{FAILURES, bucket::Bucket};

/// How many buckets there are for all addresses together. Which addresses share one, nobody outside can tell.
const PLACES: usize = 16_384;

/// How much was tried from where. Clones share it.
#[derive(Clone)]
pub struct Failures {
    places: Arc<[Place]>,
    hasher: RandomState,
    since: Instant,
}

struct Place {
    bucket: Bucket,
    /// Milliseconds since the start, until which nothing is tried from here.
    shut_until: AtomicU64,
}

impl Failures {
    pub(crate) fn new() -> Self {
        let place = |_| Place { bucket: Bucket::new(FAILURES, 1), shut_until: AtomicU64::new(0) };
        Self { places: (0..PLACES).map(place).collect(), hasher: RandomState::new(), since: Instant::now() }
    }

    /// Whether a credential from this address is to be looked up; if not, how long not yet.
    pub(crate) fn may_try(&self, address: IpAddr) -> Result<(), Duration> {
        let left = self.place(address).shut_until.load(Relaxed).saturating_sub(self.now());
        if left == 0 { Ok(()) } else { Err(Duration::from_millis(left)) }
    }

    /// Notes that a credential from this address was worth nothing.
    pub(crate) fn note(&self, address: IpAddr) {
        let place = self.place(address);
        if let Err((_, wait)) = place.bucket.take() {
            let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            place.shut_until.fetch_max(self.now().saturating_add(wait), Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn place(&self, address: IpAddr) -> &Place {
        // Whoever has one IPv6 address has all of its network's (RFC 6177).
        let network = match address {
            IpAddr::V4(address) => u64::from(u32::from(address)),
            IpAddr::V6(address) => (u128::from(address) >> 64) as u64,
        };
        let hash = self.hasher.hash_one((address.is_ipv6(), network));
        &self.places[usize::try_from(hash % PLACES as u64).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_shut_out_an_address_after_too_many_failures_and_no_other() {
        let failures = Failures::new();
        let (bad, good) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([198, 51, 100, 1]));
        for _ in 0..FAILURES.requests {
            assert_eq!(failures.may_try(bad), Ok(()));
            failures.note(bad);
        }
        failures.note(bad);
        assert!(failures.may_try(bad).is_err());
        let shares = std::ptr::eq(failures.place(bad), failures.place(good));
        assert!(shares || failures.may_try(good).is_ok());
    }

    #[test]
    fn should_take_all_addresses_of_an_ipv6_network_for_one() {
        let failures = Failures::new();
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let place = |text: &str| std::ptr::from_ref(failures.place(address(text)));
        assert_eq!(place("2001:db8::1"), place("2001:db8::ffff:1"));
    }
}
