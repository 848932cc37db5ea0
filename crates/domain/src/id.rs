//! Identifiers: opaque to users, typed inside.
//!
//! Outside, an id is a [TypeID](https://github.com/jetify-com/typeid) 0.3: a prefix that names the type, an
//! underscore, and the 128 bits in lower-case Crockford base32. Inside, it is a UUID version 7 (RFC 9562), so ids sort by
//! the time they were made.

use std::{fmt, ops::Deref, str::FromStr};

use uuid::Uuid;

use crate::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ENCODED_LENGTH: usize = 26;
/// Room for a prefix of three characters and an underscore before; the rest is zeros, up to a whole number of words.
const ROOM: usize = 32;

/// A text that is not an id of the type that was asked for. It is the same for every reason: whoever sends a wrong id
/// learns only that there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an id of the form {prefix}_…")]
pub struct MalformedId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

/// An id as text, which allocates nothing.
#[derive(Clone, Copy)]
pub struct IdText {
    bytes: [u8; ROOM],
    length: usize,
}

impl IdText {
    fn new(prefix: &str, uuid: Uuid) -> Self {
        let mut bytes = [0; ROOM];
        bytes[..prefix.len()].copy_from_slice(prefix.as_bytes());
        bytes[prefix.len()] = b'_';
        let length = prefix.len() + 1 + ENCODED_LENGTH;
        let mut bits = uuid.as_u128();
        for character in bytes[prefix.len() + 1..length].iter_mut().rev() {
            *character = ALPHABET[(bits & 31) as usize];
            bits >>= 5;
        }
        Self { bytes, length }
    }
}

impl Deref for IdText {
    type Target = str;

    fn deref(&self) -> &str {
        // Prefixes, the alphabet and zeros are ASCII. All of it, and cut then: the standard library looks at ASCII two words at a time, as
        // long as there are two.
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        text.get(..self.length).unwrap_or_default()
    }
}

fn decode(text: &str) -> Option<Uuid> {
    // 26 characters hold 130 bits; the first may use only three of its five.
    if text.len() != ENCODED_LENGTH || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes()
        .try_fold(0_u128, |bits, character| {
            let value = ALPHABET.iter().position(|&known| known == character)?;
            Some(bits << 5 | value as u128)
        })
        .map(Uuid::from_u128)
}

macro_rules! id {
    ($(#[$docs:meta])* $name:ident, $prefix:literal) => {
        $(#[$docs])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// What its text begins with, before the underscore.
            pub const PREFIX: &str = $prefix;

            /// A new id, made at `now`.
            pub fn generate(now: Timestamp) -> Self {
                let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
                // Ids of one millisecond sort by the microsecond (RFC 9562, section 6.2, method 3).
                let context = uuid::ContextV7::new().with_additional_precision();
                let time = uuid::Timestamp::from_unix(context, seconds, now.timestamp_subsec_nanos());
                Self(Uuid::new_v7(time))
            }

            /// The id as the database knows it.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id as the database knows it.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The id as users know it.
            pub fn text(self) -> IdText {
                IdText::new($prefix, self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or(MalformedId { prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text())
            }
        }
    };
}

id!(
    /// Names an [`Organization`](crate::Organization).
    OrganizationId, "org"
);
id!(
    /// Names a [`User`](crate::User).
    UserId, "usr"
);
id!(
    /// Names an [`ApiKey`](crate::ApiKey).
    ApiKeyId, "key"
);
id!(
    /// Names one of the secrets that an [`ApiKey`](crate::ApiKey) has had.
    ApiKeySecretId, "sct"
);
id!(
    /// Names a [`Workflow`](crate::Workflow), over all its revisions.
    WorkflowId, "wf"
);
id!(
    /// Names an [`Execution`](crate::Execution); its text is the Temporal workflow id.
    ExecutionId, "exe"
);
id!(
    /// Names a [`Schedule`](crate::Schedule).
    ScheduleId, "sch"
);
id!(
    /// Names a [`StoredSecret`](crate::secret::StoredSecret), whatever it holds at the time.
    SecretId, "sec"
);
id!(
    /// Names an entry of the audit log.
    AuditEntryId, "aud"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_encode_as_the_typeid_specification_does() {
        let uuid =
            Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").expect("the specification's example");
        assert_eq!(OrganizationId(uuid).to_string(), "org_01h455vb4pex5vsknk084sn02q");
    }

    #[test]
    fn should_refuse_what_is_not_an_id() {
        for text in [
            "",
            "org_",
            "usr_01h455vb4pex5vsknk084sn02q",
            "org_01h455vb4pex5vsknk084sn02",
            "org_81h455vb4pex5vsknk084sn02q",
        ] {
            assert_eq!(text.parse::<OrganizationId>(), Err(MalformedId { prefix: "org" }), "{text}");
        }
    }

    #[test]
    fn should_sort_by_the_microsecond() {
        let at =
            |micros| OrganizationId::generate(Timestamp::from_timestamp_micros(micros).expect("a moment"));
        let ids: Vec<_> = (1_700_000_000_000_000..).take(3_000).map(at).collect();
        assert!(ids.is_sorted());
    }
}
