//! The keys that were presented last, so that a request with one of them does not have to ask the cache.
//!
//! moka keeps a record of what is read, to know what to keep, and works it off every 64 reads: one request of those would wait for it.
//! Here nothing is recorded. A key has one place, which the next one that has the same takes. Whether what is found still holds, whoever
//! asks finds out, as with what is in the cache.
//!
//! A secret is told from others by its SipHash-2-4 of 128 bits, under a key that this process has drawn and that never leaves it. It is a
//! message authentication code for texts as short as these: without its key, nobody finds another text with the same one but by guessing
//! 128 bits at this server's door. It takes a tenth of what SHA-256 takes, which stands for secrets where they are kept.

use std::sync::{Arc, RwLock};

use siphasher::sip128::SipHasher24;

use super::Known;

/// How many places there are. Two keys that are busy at once and have the same one cost what the cache costs.
const PLACES: usize = 1024;

/// A place for each of some keys. Clones share them.
#[derive(Clone)]
pub(super) struct Recent(Arc<Table>);

struct Table {
    tags: SipHasher24,
    places: Box<[RwLock<Option<Seen>>]>,
}

struct Seen {
    tag: Tag,
    known: Arc<Known>,
}

/// What a secret is told by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u128);

impl Recent {
    pub(super) fn new() -> Self {
        let random = || getrandom::u64().expect("a server without randomness can make no keys either");
        let tags = SipHasher24::new_with_keys(random(), random());
        Self(Arc::new(Table { tags, places: (0..PLACES).map(|_| RwLock::new(None)).collect() }))
    }

    /// What the secret is told by.
    pub(super) fn tag(&self, secret: &str) -> Tag {
        Tag(self.0.tags.hash(secret.as_bytes()).as_u128())
    }

    /// Whose secret it is, if it is there and nobody writes.
    pub(super) fn get(&self, tag: Tag) -> Option<Arc<Known>> {
        let place = self.place(tag).try_read().ok()?;
        place.as_ref().filter(|seen| seen.tag == tag).map(|seen| Arc::clone(&seen.known))
    }

    /// Remembers whose secret it is, in place of whichever was there; unless somebody else is at it.
    pub(super) fn put(&self, tag: Tag, known: &Arc<Known>) {
        if let Ok(mut place) = self.place(tag).try_write() {
            *place = Some(Seen { tag, known: Arc::clone(known) });
        }
    }

    fn place(&self, Tag(bits): Tag) -> &RwLock<Option<Seen>> {
        &self.0.places[bits as usize % PLACES]
    }
}

#[cfg(test)]
mod tests {
    use tenantry_domain::Secret;

    use super::*;

    #[test]
    fn should_tell_secrets_apart_and_by_nothing_that_another_process_would() {
        let (here, elsewhere) = (Recent::new(), Recent::new());
        let [one, other] = [(); 2].map(|()| Secret::generate().expect("randomness"));
        assert!(here.tag(one.reveal()) == here.clone().tag(one.reveal()));
        assert!(here.tag(one.reveal()) != here.tag(other.reveal()));
        assert!(here.tag(one.reveal()) != elsewhere.tag(one.reveal()));
    }
}
