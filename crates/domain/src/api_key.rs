//! API keys. The secret is seen once; what is kept is its SHA-256.
//!
//! A secret is `tn_`, 32 characters of base62 from the system's generator (190 bits), and a checksum of six more: CRC-32
//! over the 32, in base62. The checksum tells a typing error from a key that was revoked without asking the database,
//! and lets scanners be sure of a find. A slow hash would protect a secret that can be guessed; this one cannot be, and a slow hash
//! would let strangers burn the server's time.
//!
//! A key can have two secrets for a while, so that one replaces the other without a gap.

mod allowed_cidrs;
mod overlap;
mod rate_limit;

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    ApiKeyId, ApiKeySecretId, Change, OrganizationId, Scopes, Timestamp, UserId,
    field::{checked_string, display_name},
};

pub use allowed_cidrs::AllowedCidrs;
pub use overlap::Overlap;
pub use rate_limit::RateLimit;

const PREFIX: &str = "tn_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
/// How many characters of a secret are kept to recognise it by, its `tn_` included.
const SHOWN_PREFIX_LENGTH: usize = 7;

checked_string!(
    /// What people call an API key: 1–100 characters.
    ApiKeyName, |value| display_name("name", value, ApiKeyName::MAX_LENGTH)
);

impl ApiKeyName {
    /// How many characters it has at most.
    pub const MAX_LENGTH: usize = 100;
}

/// The secret of an API key. It shows itself to nobody who does not ask by name, and leaves the memory with its owner.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// A text that cannot be any key's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an API key")]
pub struct MalformedSecret;

impl Secret {
    /// What every secret looks like.
    pub const PATTERN: &str = "^tn_[0-9A-Za-z]{38}$";

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
        check(text)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The secret itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored and looked up in its place.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
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
    /// That of a secret that somebody presents, without a copy of the secret.
    ///
    /// # Errors
    /// As those of [`Secret::parse`].
    pub fn of_presented(text: &str) -> Result<Self, MalformedSecret> {
        check(text)?;
        Ok(Self::of(text))
    }

    fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Whether a text has the form of a secret, and its checksum.
fn check(text: &str) -> Result<(), MalformedSecret> {
    let body = text.strip_prefix(PREFIX).ok_or(MalformedSecret)?.as_bytes();
    let is_one = body.len() == RANDOM_LENGTH + CHECKSUM_LENGTH
        && checksum(&body[..RANDOM_LENGTH]) == body[RANDOM_LENGTH..];
    is_one.then_some(()).ok_or(MalformedSecret)
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

/// A key to the API, without the secrets themselves.
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
    /// What it is limited to.
    pub limits: Limits,
    /// How often its scopes or its networks have changed.
    pub revision: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Its secrets, the newest first: at least one.
    pub secrets: Vec<IssuedSecret>,
}

impl ApiKey {
    /// Whether it is worth nothing any more.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.revoked_at.is_some() || self.expires_at.is_some_and(|at| at <= now)
    }

    /// When any of its secrets was last used, as far as that is written.
    pub fn last_used_at(&self) -> Option<Timestamp> {
        self.secrets.iter().filter_map(|secret| secret.last_used_at).max()
    }

    /// The key with these changes.
    #[must_use]
    pub fn changed(&self, changes: &Changes) -> Self {
        let name = changes.name.as_ref().map_or(&self.name[..], ApiKeyName::as_str).to_owned();
        let limits = Limits {
            scopes: changes.scopes.clone().of(self.limits.scopes.clone()),
            allowed_cidrs: changes.allowed_cidrs.clone().of(self.limits.allowed_cidrs.clone()),
            rate_limit: changes.rate_limit.of(self.limits.rate_limit),
        };
        let expires_at = changes.expires_at.of(self.expires_at);
        let admits_others =
            limits.scopes != self.limits.scopes || limits.allowed_cidrs != self.limits.allowed_cidrs;
        let revision = self.revision + i32::from(admits_others);
        Self { name, limits, revision, expires_at, ..self.clone() }
    }
}

/// What a key is limited to, besides what its user may; a limit that is not there limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// What it does of what its user may.
    pub scopes: Option<Scopes>,
    /// The networks it can be used from.
    pub allowed_cidrs: Option<AllowedCidrs>,
    /// How often it can be used.
    pub rate_limit: Option<RateLimit>,
}

/// A secret that a key has or had, by what it is recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedSecret {
    /// Names it for ever.
    pub id: ApiKeySecretId,
    /// Its first characters.
    pub prefix: String,
    /// Its last four characters.
    pub last_four: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing; never by itself, for the newest.
    pub ends_at: Option<Timestamp>,
    /// When it was last used, to a few seconds.
    pub last_used_at: Option<Timestamp>,
    /// From where.
    pub last_used_address: Option<String>,
}

impl IssuedSecret {
    /// Whether it is worth nothing any more.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|at| at <= now)
    }
}

/// A key that does not exist yet.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What people will call it.
    pub name: ApiKeyName,
    /// What it will be limited to.
    pub limits: Limits,
    /// From when on it will be worth nothing, if ever.
    pub expires_at: Option<Timestamp>,
}

impl NewApiKey {
    /// A key that does all that its user may, from everywhere and for ever.
    pub fn named(name: ApiKeyName) -> Self {
        Self { name, limits: Limits::default(), expires_at: None }
    }
}

/// What is to change of a key.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What people call it, if that changes.
    pub name: Option<ApiKeyName>,
    /// What it does of what its user may.
    pub scopes: Change<Scopes>,
    /// The networks it can be used from.
    pub allowed_cidrs: Change<AllowedCidrs>,
    /// How often it can be used.
    pub rate_limit: Change<RateLimit>,
    /// From when on it is worth nothing.
    pub expires_at: Change<Timestamp>,
}

/// Which keys of an organization are wanted; every condition that is there must hold, and none lets through one that has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Those of which no secret was made or used for so long.
    pub unused_for: Option<TimeDelta>,
    /// Those that end within such a time.
    pub expiring_within: Option<TimeDelta>,
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
    fn should_accept_what_the_documentation_gives_scanners_to_try() {
        let page = include_str!("../../../docs/security/api-keys.md");
        let (_, text) = page.rsplit_once("for tests: `").expect("a text for tests");
        let (text, _) = text.split_once('`').expect("the end of the text");
        assert!(Secret::parse(text).is_ok(), "{text}");
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

    fn key() -> ApiKey {
        let now = crate::Clock::now(&crate::SystemClock);
        ApiKey {
            id: ApiKeyId::generate(now),
            organization_id: OrganizationId::generate(now),
            user_id: UserId::generate(now),
            name: "laptop".to_owned(),
            limits: Limits { rate_limit: Some(RateLimit::new(1, 1).expect("a limit")), ..Limits::default() },
            revision: 0,
            created_at: now,
            expires_at: Some(now),
            revoked_at: None,
            secrets: Vec::new(),
        }
    }

    #[test]
    fn should_change_what_is_said_and_nothing_else() {
        let before = key();
        assert_eq!(before.changed(&Changes::default()), before);
        let scopes = Scopes::parse(&["workflows:read"]).expect("scopes");
        let networks = AllowedCidrs::parse(&["10.0.0.0/8"]).expect("networks");
        let all = Changes {
            name: Some(ApiKeyName::parse("server").expect("a name")),
            scopes: Change::Set(scopes.clone()),
            allowed_cidrs: Change::Set(networks.clone()),
            rate_limit: Change::Clear,
            expires_at: Change::Clear,
        };
        let after = before.changed(&all);
        let limits = Limits { scopes: Some(scopes), allowed_cidrs: Some(networks), rate_limit: None };
        let expected =
            ApiKey { name: "server".to_owned(), limits, revision: 1, expires_at: None, ..before.clone() };
        assert_eq!(after, expected);
        assert_eq!(after.changed(&all), after, "the same again is no change");
        let lifted = after.changed(&Changes { scopes: Change::Clear, ..Changes::default() });
        assert_eq!((lifted.limits.scopes, lifted.revision), (None, 2));
        let renamed =
            after.changed(&Changes { name: all.name, rate_limit: Change::Clear, ..Changes::default() });
        assert_eq!(renamed.revision, 1, "who is let in stays the same");
    }

    #[test]
    fn should_end_by_the_time_or_by_somebody() {
        let key = key();
        let (at, moment) = (key.created_at, TimeDelta::microseconds(1));
        assert!(key.has_ended(at) && !key.has_ended(at - moment));
        let endless = ApiKey { expires_at: None, ..key.clone() };
        assert!(!endless.has_ended(at + TimeDelta::days(1_000)));
        assert!(ApiKey { revoked_at: Some(at), ..endless }.has_ended(at - moment));
    }

    proptest! {
        #[test]
        fn should_never_panic_on_any_text(text: String) {
            for text in [format!("tn_{text}"), text] {
                let parsed = Secret::parse(&text).map(|secret| secret.hash());
                prop_assert_eq!(parsed.is_ok(), SecretHash::of_presented(&text).is_ok());
            }
        }
    }
}
