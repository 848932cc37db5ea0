//! Secrets that an organization stores for its workflows, such as the token of a service that they call. (The secret of an API
//! key is [`api_key::Secret`](crate::api_key::Secret).)
//!
//! A value is sealed before it is stored. What is here is its name, and bytes that are worth nothing without the key that
//! sealed them.

use std::fmt;

use crate::{
    SecretId, Timestamp,
    field::{Invalid, checked_string},
};

checked_string!(
    /// What definitions call a secret: 1–100 letters, digits, `_` and `-` of ASCII.
    SecretName, parse_name
);

fn parse_name(value: &str) -> Result<String, Invalid> {
    let well_formed = value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if well_formed && (1..=100).contains(&value.len()) {
        return Ok(value.to_owned());
    }
    Err(Invalid::new("name", "must have 1 to 100 characters: letters, digits, _ and -"))
}

/// A secret that is stored, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// Names it until it is deleted, whatever it holds.
    pub id: SecretId,
    /// Unique in the organization.
    pub name: String,
    /// When it was first stored.
    pub created_at: Timestamp,
    /// When its value was last replaced.
    pub updated_at: Timestamp,
}

/// The value of a secret, sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Names the key that sealed it, and that opens it.
    pub key_id: String,
    /// What the key made of the value.
    pub ciphertext: Vec<u8>,
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_not_show_a_sealed_secret_in_debug_output() {
        let sealed = SealedSecret { key_id: "first".to_owned(), ciphertext: b"sealed".to_vec() };
        assert_eq!(format!("{sealed:?}"), "SealedSecret(…)");
    }

    #[test]
    fn should_say_what_a_name_must_be() {
        for wrong in ["", "a b", "a.b", "é", "a/b", &"a".repeat(101)] {
            assert_eq!(SecretName::parse(wrong).expect_err(wrong).field, "name");
        }
        for name in ["STRIPE_TOKEN", "crm-2", "-", &"a".repeat(100)] {
            assert_eq!(SecretName::parse(name).expect(name).as_str(), name);
        }
    }
}
