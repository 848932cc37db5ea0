//! The time, from outside: code that needs it is given a [`Clock`], so a test decides what time it is.

use crate::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment, to the microsecond (what PostgreSQL stores).
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
        let now = std::time::SystemTime::now();
        truncate(now.into())
    }
}

fn truncate(at: Timestamp) -> Timestamp {
    Timestamp::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}
