//! Lets so many through at the same time; more wait.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Turns to take.
#[derive(Debug)]
pub(crate) struct Turns {
    free: Mutex<u32>,
    returned: Condvar,
}

/// A turn, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'t>(&'t Turns);

impl Turns {
    /// So many at the same time.
    pub(crate) fn new(at_once: u32) -> Self {
        Self { free: Mutex::new(at_once), returned: Condvar::new() }
    }

    /// Takes a turn, once there is one.
    pub(crate) fn take(&self) -> Turn<'_> {
        let free = self.returned.wait_while(self.free(), |free| *free == 0);
        *free.unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn(self)
    }

    fn free(&self) -> MutexGuard<'_, u32> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free() += 1;
        self.0.returned.notify_one();
    }
}
