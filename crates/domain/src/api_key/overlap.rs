//! How long a secret holds beside the one that replaces it.

use chrono::TimeDelta;

use crate::{Invalid, Timestamp};

/// 0 seconds, which ends the older secret at once, to 30 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap(u32);

impl Overlap {
    /// The longest, in seconds.
    pub const MAX: u32 = 30 * 86_400;

    /// Checks the number of seconds.
    ///
    /// # Errors
    /// `overlap_seconds`, with the range.
    pub fn new(seconds: u64) -> Result<Self, Invalid> {
        let seconds = u32::try_from(seconds).ok().filter(|&seconds| seconds <= Self::MAX);
        let rule = || Invalid::new("overlap_seconds", format!("must be a number from 0 to {}", Self::MAX));
        seconds.map(Self).ok_or_else(rule)
    }

    /// In seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// When an overlap that begins now has passed; nothing, if there is none.
    pub fn from(self, now: Timestamp) -> Option<Timestamp> {
        (self.0 > 0).then(|| now + TimeDelta::seconds(self.0.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn should_end_nothing_later_when_there_is_no_overlap() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(Overlap::default().from(now), None);
        assert_eq!(Overlap::new(60).expect("a minute").from(now), Some(now + TimeDelta::minutes(1)));
    }

    proptest! {
        #[test]
        fn should_take_what_is_within_thirty_days_and_nothing_else(seconds in 0..=10_000_000_u64) {
            let expected = u32::try_from(seconds).ok().filter(|_| seconds <= 2_592_000);
            prop_assert_eq!(Overlap::new(seconds).ok().map(Overlap::seconds), expected);
        }
    }
}
