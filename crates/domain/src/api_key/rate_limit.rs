//! How often a key may be used.

use std::ops::RangeInclusive;

use crate::Invalid;

/// So many requests in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RateLimit {
    requests: u32,
    per_seconds: u32,
}

impl RateLimit {
    /// How many requests there may be.
    pub const REQUESTS: RangeInclusive<u32> = 1..=1_000_000;
    /// In how many seconds: up to a day.
    pub const PER_SECONDS: RangeInclusive<u32> = 1..=86_400;

    /// Checks both numbers.
    ///
    /// # Errors
    /// Names the first that is out of its range.
    pub fn new(requests: u64, per_seconds: u64) -> Result<Self, Invalid> {
        Ok(Self {
            requests: within("rate_limit.requests", requests, &Self::REQUESTS)?,
            per_seconds: within("rate_limit.per_seconds", per_seconds, &Self::PER_SECONDS)?,
        })
    }

    /// So many requests …
    pub fn requests(self) -> u32 {
        self.requests
    }

    /// … in so many seconds.
    pub fn per_seconds(self) -> u32 {
        self.per_seconds
    }
}

fn within(field: &'static str, number: u64, range: &RangeInclusive<u32>) -> Result<u32, Invalid> {
    let number = u32::try_from(number).ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        Invalid::new(field, format!("must be a number from {} to {}", range.start(), range.end()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn should_name_the_number_that_is_out_of_its_range() {
        let wrong = |requests, seconds| RateLimit::new(requests, seconds).expect_err("out of range").field;
        assert_eq!(wrong(0, 1), "rate_limit.requests");
        assert_eq!(wrong(1_000_001, 1), "rate_limit.requests");
        assert_eq!(wrong(1, 0), "rate_limit.per_seconds");
        assert_eq!(wrong(1, 86_401), "rate_limit.per_seconds");
    }

    proptest! {
        #[test]
        fn should_take_every_number_within_its_range(
            requests in RateLimit::REQUESTS, seconds in RateLimit::PER_SECONDS,
        ) {
            let limit = RateLimit::new(requests.into(), seconds.into()).expect("within");
            prop_assert_eq!((limit.requests(), limit.per_seconds()), (requests, seconds));
        }

        #[test]
        fn should_take_no_other_number(requests: u64, seconds: u64) {
            let within = (1..=1_000_000).contains(&requests) && (1..=86_400).contains(&seconds);
            prop_assert_eq!(RateLimit::new(requests, seconds).is_ok(), within);
        }
    }
}
