//! A clock that tests can put forward.

use std::{sync::Mutex, time::Duration};

use tenantry_domain::{Clock, SystemClock, Timestamp};

/// The machine's clock, so much ahead as a test has put it.
#[derive(Debug, Default)]
pub struct TestClock(Mutex<Duration>);

impl TestClock {
    /// Puts the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().expect("no test panics while it holds the clock") += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + *self.0.lock().expect("no test panics while it holds the clock")
    }
}
