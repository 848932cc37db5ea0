//! Lets so many through at the same time; more wait, and go in the order in which they came. Without that order, a thread that
//! evaluates one expression after the other would take the turn that it has just given back before anybody who waits is awake.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Turns to take.
#[derive(Debug)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: u32,
    /// How many have come.
    came: u64,
    /// How many of those have had a turn, or have one.
    went: u64,
}

/// A turn, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'t>(&'t Turns);

impl Turns {
    /// So many at the same time.
    pub(crate) fn new(at_once: u32) -> Self {
        Self { state: Mutex::new(State { free: at_once, came: 0, went: 0 }), changed: Condvar::new() }
    }

    /// Takes a turn, once there is one and nobody who came before waits for it.
    pub(crate) fn take(&self) -> Turn<'_> {
        let mut state = self.state();
        let place = state.came;
        state.came += 1;
        let waited = self.changed.wait_while(state, |state| state.free == 0 || state.went != place);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.free -= 1;
        state.went += 1;
        // There may be another, for whoever came next.
        if state.free > 0 {
            self.changed.notify_all();
        }
        Turn(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().free += 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn should_give_turns_in_the_order_in_which_they_were_asked_for() {
        let turns = Turns::new(1);
        let (went, order) = mpsc::channel();
        thread::scope(|scope| {
            let first = turns.take();
            for number in 0..20 {
                let (turns, went) = (&turns, went.clone());
                scope.spawn(move || {
                    let _turn = turns.take();
                    went.send(number).expect("somebody listens");
                });
                while turns.state().came < number + 2 {
                    thread::yield_now();
                }
            }
            drop(first);
            // This one has just had a turn, and comes last all the same.
            drop(turns.take());
            went.send(20).expect("somebody listens");
        });
        drop(went);
        assert!(order.iter().eq(0..=20));
    }

    #[test]
    fn should_let_so_many_through_at_the_same_time() {
        let turns = Turns::new(2);
        let both = (turns.take(), turns.take());
        thread::scope(|scope| {
            let third = scope.spawn(|| drop(turns.take()));
            while turns.state().came < 3 {
                thread::yield_now();
            }
            assert!(!third.is_finished());
            drop(both);
        });
    }
}
