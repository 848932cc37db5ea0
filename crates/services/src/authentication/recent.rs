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

/// How many places there are. Two keys that are busy at once and have the same one cost what the cache costs.
const PLACES: usize = 1024;

/// A place for each of some secrets, with what is known of it. Clones share them.
pub(super) struct Recent<K>(Arc<Table<K>>);

struct Table<K> {
    tags: SipHasher24,
    places: Box<[RwLock<Option<Seen<K>>>]>,
}

struct Seen<K> {
    tag: Tag,
    known: Arc<K>,
}

/// What a secret is told by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u128);

impl<K> Recent<K> {
    pub(super) fn new() -> Self {
        let random = || getrandom::u64().expect("a server without randomness can make no keys either");
        let tags = SipHasher24::new_with_keys(random(), random());
        Self(Arc::new(Table { tags, places: (0..PLACES).map(|_| RwLock::new(None)).collect() }))
    }

    /// What the secret is told by.
    pub(super) fn tag(&self, secret: &str) -> Tag {
        Tag(self.0.tags.hash(secret.as_bytes()).as_u128())
    }

    /// What is known of the secret, if it is there and nobody writes.
    pub(super) fn get(&self, tag: Tag) -> Option<Arc<K>> {
        let place = self.place(tag).try_read().ok()?;
        place.as_ref().filter(|seen| seen.tag == tag).map(|seen| Arc::clone(&seen.known))
    }

    /// Remembers what is known of the secret, in place of whatever was there; unless somebody else is at it.
    pub(super) fn put(&self, tag: Tag, known: &Arc<K>) {
        if let Ok(mut place) = self.place(tag).try_write() {
            *place = Some(Seen { tag, known: Arc::clone(known) });
        }
    }

    fn place(&self, Tag(bits): Tag) -> &RwLock<Option<Seen<K>>> {
        &self.0.places[bits as usize % PLACES]
    }
}

impl<K> Clone for Recent<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "tn_000000000000000000000000000000002wjyrI";

    #[test]
    fn should_tell_secrets_by_what_no_other_process_would() {
        let (here, elsewhere) = (Recent::<()>::new(), Recent::<()>::new());
        assert!(here.tag(SECRET) == here.clone().tag(SECRET));
        assert!(here.tag(SECRET) != here.tag(&SECRET.replace('0', "1")));
        assert!(here.tag(SECRET) != elsewhere.tag(SECRET));
    }

    #[test]
    fn should_take_no_secret_for_another_that_has_the_same_place() {
        let recent = Recent::new();
        let (one, other) = (Tag(7), Tag(7 + (1 << 64)));
        recent.put(one, &Arc::new("one"));
        assert_eq!(recent.get(one).as_deref(), Some(&"one"));
        assert_eq!(recent.get(other), None);
        recent.put(other, &Arc::new("other"));
        assert_eq!(recent.get(other).as_deref(), Some(&"other"));
        assert_eq!(recent.get(one), None);
    }
}
