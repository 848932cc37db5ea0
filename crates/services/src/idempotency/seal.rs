//! Seals answers with the secret of whoever asked (ChaCha20-Poly1305, RFC 8439). The key is made of the secret, the request and what
//! whoever asked might do with HMAC-SHA-256 (RFC 2104), so each request has one of its own, and it opens nothing for whoever may do
//! something else by now.

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use tenantry_domain::Secret;
use tenantry_storage::idempotency::Hash;

use super::Answer;

/// Sets these keys apart from whatever else may ever be made of a secret.
const PURPOSE: &[u8] = b"tenantry idempotency 1";

/// Seals the answer to one request.
pub(super) struct Seal(Option<LessSafeKey>);

impl Seal {
    pub(super) fn of(secret: &Secret, name: &Hash, content: &Hash, rights: &Hash) -> Self {
        let mut key = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()));
        for part in [PURPOSE, name, content, rights] {
            key.update(part);
        }
        Self(UnboundKey::new(&CHACHA20_POLY1305, key.sign().as_ref()).ok().map(LessSafeKey::new))
    }

    pub(super) fn close(&self, answer: &Answer) -> Result<Vec<u8>, &'static str> {
        let failed = "an answer could not be sealed";
        let key = self.0.as_ref().ok_or(failed)?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| failed)?;
        let mut sealed = serde_json::to_vec(answer).map_err(|_| failed)?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .map_err(|_| failed)?;
        sealed.splice(..0, nonce);
        Ok(sealed)
    }

    /// The answer, if it was sealed with this.
    pub(super) fn open(&self, mut sealed: Vec<u8>) -> Option<Answer> {
        let (nonce, sealed) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.0.as_ref()?.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        serde_json::from_slice(opened).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer { status: 201, headers: vec![("location".into(), "/here".into())], body: "{\"n\": 1}".into() }
    }

    #[test]
    fn should_open_what_it_sealed_and_nothing_of_another_secret_request_or_right() {
        let (secret, other) = (Secret::generate().expect("one"), Secret::generate().expect("another"));
        let seal = Seal::of(&secret, &[1; 32], &[2; 32], &[4; 32]);
        let sealed = seal.close(&answer()).expect("it seals");
        assert_eq!(seal.open(sealed.clone()), Some(answer()));
        assert!(!sealed.windows(5).any(|five| five == b"/here"), "it can be read");
        let wrong = [
            (&other, [1; 32], [2; 32], [4; 32]),
            (&secret, [3; 32], [2; 32], [4; 32]),
            (&secret, [1; 32], [3; 32], [4; 32]),
            (&secret, [1; 32], [2; 32], [3; 32]),
        ];
        for (secret, name, content, rights) in wrong {
            assert_eq!(Seal::of(secret, &name, &content, &rights).open(sealed.clone()), None);
        }
        for damaged in [Vec::new(), sealed[..20].to_vec(), [&sealed[..], &[0]].concat()] {
            assert_eq!(seal.open(damaged), None);
        }
    }

    #[test]
    fn should_seal_the_same_differently_each_time() {
        let seal = Seal::of(&Secret::generate().expect("one"), &[1; 32], &[2; 32], &[4; 32]);
        assert_ne!(seal.close(&answer()), seal.close(&answer()));
    }
}
