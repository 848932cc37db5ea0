//! When and from where each secret was last used: noted in memory for every request, written together every few seconds.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tenantry_domain::{ApiKeySecretId, chain};
use tenantry_storage::{
    Store,
    api_key_secrets::{Use, mark_used},
};
use tokio_util::sync::CancellationToken;

/// How long a note waits to be written: what a process that is killed forgets.
const PERIOD: Duration = Duration::from_secs(3);
/// Requests at the same moment seldom wait for each other's notes.
const SHARDS: usize = 16;
/// How many secrets there can be notes of, between two times of writing.
const MAX_NOTES: usize = 100_000;

/// Notes of the uses of secrets.
#[derive(Clone)]
pub(crate) struct LastUsed {
    store: Store,
    notes: Arc<Notes>,
}

impl LastUsed {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, notes: Arc::default() }
    }

    /// Notes a use. When there are too many notes, one of a secret that has none yet is lost.
    pub(crate) fn note(&self, secret: ApiKeySecretId, used: Use) {
        self.notes.add(secret, used);
    }

    /// Writes the notes every few seconds, until it is told to stop.
    pub(crate) async fn keep(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            self.write().await;
        }
    }

    /// Writes the notes. Those that cannot be written now wait for the next time.
    pub(crate) async fn write(&self) {
        let uses = self.notes.take();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = mark_used(&self.store, &uses).await {
            tracing::warn!(error = chain(&error), "the last uses of API keys are not written yet");
            for (secret, used) in uses {
                self.notes.add(secret, used);
            }
        }
    }
}

/// The latest use of each secret, apart by the ends of their ids, which are random.
#[derive(Default)]
struct Notes([Mutex<HashMap<ApiKeySecretId, Use>>; SHARDS]);

impl Notes {
    fn add(&self, secret: ApiKeySecretId, used: Use) {
        let mut shard = lock(&self.0[secret.uuid().as_bytes()[15] as usize % SHARDS]);
        let is_full = shard.len() >= MAX_NOTES / SHARDS;
        match shard.entry(secret) {
            Entry::Occupied(mut latest) if latest.get().at < used.at => drop(latest.insert(used)),
            Entry::Vacant(vacant) if !is_full => drop(vacant.insert(used)),
            Entry::Occupied(_) | Entry::Vacant(_) => {}
        }
    }

    fn take(&self) -> Vec<(ApiKeySecretId, Use)> {
        self.0.iter().flat_map(|shard| lock(shard).drain().collect::<Vec<_>>()).collect()
    }
}

/// A note is made whole or not at all, so even the lock of a thread that panicked holds good ones.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use tenantry_domain::{Clock as _, SystemClock};

    use super::*;

    #[test]
    fn should_note_the_latest_use_of_each_secret_until_it_is_taken() {
        let (notes, now) = (Notes::default(), SystemClock.now());
        let ids: Vec<_> = (0..100).map(|_| ApiKeySecretId::generate(now)).collect();
        let used = |seconds| Use { at: now + TimeDelta::seconds(seconds), address: None };
        for seconds in [1, 3, 2] {
            for &id in &ids {
                notes.add(id, used(seconds));
            }
        }
        let mut taken = notes.take();
        taken.sort_by_key(|(id, _)| *id);
        let mut expected: Vec<_> = ids.into_iter().map(|id| (id, used(3))).collect();
        expected.sort_by_key(|(id, _)| *id);
        assert_eq!(taken, expected);
        assert_eq!(notes.take(), []);
    }

    #[test]
    fn should_not_grow_beyond_its_bound_and_still_note_what_it_knows() {
        let (notes, now) = (Notes::default(), SystemClock.now());
        let first = ApiKeySecretId::generate(now);
        notes.add(first, Use { at: now, address: None });
        for _ in 0..MAX_NOTES + MAX_NOTES / 4 {
            notes.add(ApiKeySecretId::generate(now), Use { at: now, address: None });
        }
        let later = Use { at: now + TimeDelta::seconds(1), address: None };
        notes.add(first, later);
        let taken = notes.take();
        assert!(taken.len() <= MAX_NOTES, "{}", taken.len());
        assert!(taken.contains(&(first, later)));
    }
}
