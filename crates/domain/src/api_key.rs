//! API keys. The secret is seen once; what is kept is its SHA-256.
//!
//! A secret is `tn_`, 32 characters of base62 from the system's generator (190 bits), and a checksum of six more: CRC-32
//! over the 32, in base62. The checksum tells a typing error from a key that was revoked without asking the database,
//! and lets scanners be sure of a find. A slow hash would protect a secret that can be guessed; this one cannot be, and a slow hash
//! would let strangers burn the server's time.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    ApiKeyId, OrganizationId, Timestamp, UserId,
    field::{checked_string, display_name},
};

const PREFIX: &str = "tn_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
/// How many characters of a secret are kept to recognise it by, its `tn_` included.
const SHOWN_PREFIX_LENGTH: usize = 7;

checked_string!(
    /// What people call an API key: 1–100 characters.
    ApiKeyName, |value| display_name("name", value, 100)
);

/// The secret of an API key. It shows itself to nobody who does not ask by name, and leaves the memory with its owner.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// A text that cannot be any key's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an API key")]
pub struct MalformedSecret;

impl Secret {
    /// A new secret from the system's generator.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + RANDOM_LENGTH + CHECKSUM_LENGTH));
        text.push_str(PREFIX);
        let mut bytes = Zeroizing::new([0_u8; 64]);
        while text.len() < PREFIX.len() + RANDOM_LENGTH {
            getrandom::fill(bytes.as_mut_slice())?;
            // 248 is the largest multiple of 62 in a byte; taking what is above it would favour the first characters.
            let fair = bytes.iter().filter(|&&byte| byte < 248);
            let missing = PREFIX.len() + RANDOM_LENGTH - text.len();
            text.extend(fair.take(missing).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
        }
        let checksum = checksum(&text.as_bytes()[PREFIX.len()..]);
        text.extend(checksum.map(char::from));
        Ok(Self(text))
    }

    /// Reads a secret that somebody presents.
    ///
    /// # Errors
    /// When its form or its checksum says that no key can have it.
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        let body = text.strip_prefix(PREFIX).ok_or(MalformedSecret)?.as_bytes();
        if body.len() != RANDOM_LENGTH + CHECKSUM_LENGTH
            || checksum(&body[..RANDOM_LENGTH]) != body[RANDOM_LENGTH..]
        {
            return Err(MalformedSecret);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The secret itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored and looked up in its place.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The first characters, to recognise it by.
    pub fn prefix(&self) -> &str {
        &self.0[..SHOWN_PREFIX_LENGTH]
    }

    /// The last four characters, to recognise it by.
    pub fn last_four(&self) -> &str {
        &self.0[self.0.len() - 4..]
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The SHA-256 of a secret. Comparing two takes the same time whatever is in them.
#[derive(Clone, Copy, Eq)]
pub struct SecretHash([u8; 32]);

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
    }
}

impl Hash for SecretHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl SecretHash {
    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn checksum(random: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let mut rest = crc32fast::hash(random);
    let mut text = [0; CHECKSUM_LENGTH];
    for character in text.iter_mut().rev() {
        *character = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    text
}

/// A key to the API, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Names it for ever.
    pub id: ApiKeyId,
    /// The organization of its user.
    pub organization_id: OrganizationId,
    /// Who acts with it.
    pub user_id: UserId,
    /// What people call it.
    pub name: String,
    /// The first characters of its secret.
    pub prefix: String,
    /// The last four characters of its secret.
    pub last_four: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A key that does not exist yet.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What people will call it.
    pub name: ApiKeyName,
    /// From when on it will be worth nothing, if ever.
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn should_make_secrets_that_it_reads() {
        let secret = Secret::generate().expect("randomness");
        assert_eq!(secret.reveal().len(), 41);
        assert_eq!(
            Secret::parse(secret.reveal()).expect("its own secret").hash().as_bytes(),
            secret.hash().as_bytes()
        );
    }

    #[test]
    fn should_not_show_a_secret_in_debug_output() {
        let secret = Secret::generate().expect("randomness");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn should_notice_any_one_wrong_character() {
        let secret = Secret::generate().expect("randomness").reveal().to_owned();
        for at in 0..secret.len() {
            let mut wrong = secret.clone().into_bytes();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            let wrong = String::from_utf8(wrong).expect("ASCII");
            assert_eq!(Secret::parse(&wrong).err(), Some(MalformedSecret), "{at}");
        }
    }

    proptest! {
        #[test]
        fn should_never_panic_on_any_text(text: String) {
            let _ = Secret::parse(&text);
            let _ = Secret::parse(&format!("tn_{text}"));
        }
    }
}
