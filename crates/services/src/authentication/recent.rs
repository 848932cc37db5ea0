//! The keys that were presented last, so that a request with one of them does not have to ask the cache.
//!
//! moka keeps a record of what is read, to know what to keep, and works it off every 64 reads: one request of those would wait for it.
//! Here nothing is recorded. A key has one place, which the next one that has the same takes. Whether what is found still holds, whoever
//! asks finds out, as with what is in the cache.

use std::sync::{Arc, Mutex};

use tenantry_domain::api_key::SecretHash;

use super::Known;

/// How many places there are. Two keys that are busy at once and have the same one cost what the cache costs.
const PLACES: usize = 1024;

/// A place for each of some keys.
#[derive(Clone)]
pub(super) struct Recent(Arc<[Mutex<Option<Seen>>]>);

struct Seen {
    hash: SecretHash,
    known: Known,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self((0..PLACES).map(|_| Mutex::new(None)).collect())
    }

    /// What was found of this key, if it is there and nobody else looks.
    pub(super) fn get(&self, hash: &SecretHash) -> Option<Known> {
        let place = self.place(hash).try_lock().ok()?;
        place.as_ref().filter(|seen| seen.hash == *hash).map(|seen| seen.known.clone())
    }

    /// Remembers this key in place of whichever was there; unless somebody else looks.
    pub(super) fn put(&self, hash: &SecretHash, known: &Known) {
        if let Ok(mut place) = self.place(hash).try_lock() {
            *place = Some(Seen { hash: *hash, known: known.clone() });
        }
    }

    /// Hashes are as good as random, and so are their first bytes.
    fn place(&self, hash: &SecretHash) -> &Mutex<Option<Seen>> {
        let [first, second, ..] = hash.as_bytes();
        &self.0[usize::from(u16::from_be_bytes([*first, *second])) % PLACES]
    }
}
