//! Chance, which can be repeated.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

/// Names the seed of a run that is to be repeated.
const SEED: &str = "TENANTRY_KILL_SEED";

/// Numbers in no order; the seed decides which (`SplitMix64`).
pub(crate) struct Chance(u64);

impl Chance {
    /// Begins with the seed that the environment names, else with any, which is printed beside whatever fails.
    #[expect(clippy::print_stderr, reason = "whoever sees the failure wants to see it again")]
    pub(crate) fn new() -> Self {
        let given = std::env::var(SEED).ok().map(|seed| seed.parse().expect("the seed is a number"));
        let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        eprintln!("{SEED}={seed} repeats this");
        Self(seed)
    }

    /// The next number, below this.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let end = u64::try_from(end).expect("a number of 64 bits");
        usize::try_from((mixed ^ (mixed >> 31)) % end).expect("it is below a usize")
    }

    /// The next duration, of fewer milliseconds than this.
    pub(crate) fn milliseconds(&mut self, end: u16) -> Duration {
        Duration::from_millis(self.below(end.into()).try_into().expect("a number of 64 bits"))
    }
}
