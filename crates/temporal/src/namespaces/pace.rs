//! How often namespaces are changed: as often as Temporal lets us, learned from its refusals.
//!
//! A Temporal frontend takes twenty registrations and changes of namespaces a second from everybody together, unless it is told
//! otherwise, and its database refuses some that come at the same moment. So changes are made one [`Pace::turn`] after the
//! other. The gap between two turns doubles when one is refused and shrinks by a tenth when one is accepted: it ends up at what
//! this Temporal takes, shared with the other nodes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tenantry_domain::OrganizationId;
use tokio::time::{Instant, sleep_until};

const SHORTEST_GAP: Duration = Duration::from_millis(5);
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// The turns of one process.
#[derive(Debug)]
pub(super) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    gap: Duration,
    /// When the next turn is.
    next: Instant,
    /// Until then, refusals are answers to calls that were made before the last one was learned from.
    learned_until: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(State::starting(Instant::now())))
    }
}

impl Pace {
    /// Waits for a turn.
    pub(super) async fn turn(&self, organization: OrganizationId) {
        let turn = self.lock().reserve(organization, Instant::now());
        sleep_until(turn).await;
    }

    /// Learns that a change came too soon after another.
    pub(super) fn refused(&self) {
        self.lock().slow_down(Instant::now());
    }

    /// Learns that a change did not come too soon.
    pub(super) fn accepted(&self) {
        self.lock().speed_up();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn starting(now: Instant) -> Self {
        Self { gap: SHORTEST_GAP, next: now, learned_until: now }
    }

    /// The next turn. The gap after it is up to a quarter longer by the organization's own random bits, so that nodes do not keep
    /// step.
    fn reserve(&mut self, organization: OrganizationId, now: Instant) -> Instant {
        let turn = self.next.max(now);
        let random = u32::from(organization.uuid().as_bytes()[15]);
        self.next = turn + self.gap + self.gap * random / (4 * 256);
        turn
    }

    fn slow_down(&mut self, now: Instant) {
        if now >= self.learned_until {
            self.gap = (self.gap * 2).min(LONGEST_GAP);
            self.learned_until = now + self.gap;
            self.next = self.next.max(self.learned_until);
        }
    }

    fn speed_up(&mut self) {
        self.gap = (self.gap * 9 / 10).max(SHORTEST_GAP);
    }
}

#[cfg(test)]
mod tests {
    use tenantry_domain::{Clock as _, SystemClock};

    use super::*;

    fn organization() -> OrganizationId {
        OrganizationId::generate(SystemClock.now())
    }

    #[test]
    fn should_make_everybody_wait_for_the_turn_before() {
        let now = Instant::now();
        let mut state = State::starting(now);
        let mut turns = (0..=100).map(|_| state.reserve(organization(), now));
        assert_eq!(turns.next(), Some(now));
        let last = turns.last().expect("a hundred turns") - now;
        assert!(last >= SHORTEST_GAP * 100 && last <= SHORTEST_GAP * 126, "{last:?}");
    }

    #[test]
    fn should_slow_down_once_for_refusals_that_come_together() {
        let now = Instant::now();
        let mut state = State::starting(now);
        state.slow_down(now);
        state.slow_down(now);
        assert_eq!(state.gap, SHORTEST_GAP * 2);
        state.slow_down(now + state.gap);
        assert_eq!(state.gap, SHORTEST_GAP * 4);
    }

    #[test]
    fn should_find_the_pace_of_a_temporal_that_takes_twenty_a_second() {
        let began = Instant::now();
        let (mut state, mut now) = (State::starting(began), began);
        let (mut tokens, mut accepted, mut refused) = (20.0_f64, 0, 0);
        while accepted < 400 {
            let turn = state.reserve(organization(), now);
            tokens = (tokens + 20.0 * (turn - now).as_secs_f64()).min(20.0);
            now = turn;
            if tokens >= 1.0 {
                (tokens, accepted) = (tokens - 1.0, accepted + 1);
                state.speed_up();
            } else {
                refused += 1;
                state.slow_down(now);
            }
        }
        let took = now - began;
        assert!(took < Duration::from_secs(25), "400 of them take 19 s at best: {took:?}");
        assert!(refused < 200, "{refused}");
    }
}
