//! What is wrong with one field of the input.

use std::borrow::Cow;

/// A value that a constructor refused: which field, and what was expected. It never repeats the value, which may be
/// a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {message}")]
pub struct Invalid {
    /// The field's name as the user wrote it.
    pub field: Cow<'static, str>,
    /// What was expected, as the rest of a sentence that begins with the field's name.
    pub message: Cow<'static, str>,
}

impl Invalid {
    /// The field and what was expected of it.
    pub fn new(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// Checks a name that people read: 1–`max` characters after trimming, none of them a control character.
pub(crate) fn display_name(field: &'static str, value: &str, max: usize) -> Result<String, Invalid> {
    let value = value.trim();
    let length = value.chars().count();
    if length == 0 || length > max {
        return Err(Invalid::new(field, format!("must have 1 to {max} characters")));
    }
    if value.chars().any(char::is_control) {
        return Err(Invalid::new(field, "must not have control characters"));
    }
    Ok(value.to_owned())
}

/// Checks a name that programs compare: 1–`max` characters, none of them a control character, no white space around them. Nothing
/// is trimmed: whoever sends it looks for it by the same characters.
pub(crate) fn identifier(field: &'static str, value: &str, max: usize) -> Result<String, Invalid> {
    let checked = display_name(field, value, max)?;
    if checked != value {
        return Err(Invalid::new(field, "must not begin or end with white space"));
    }
    Ok(checked)
}

/// Makes a checked string type: its field's name and the function that checks it.
macro_rules! checked_string {
    ($(#[$docs:meta])* $name:ident, $check:expr) => {
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks the value.
            ///
            /// # Errors
            /// Names the field and the rule that the value breaks.
            pub fn parse(value: &str) -> Result<Self, $crate::Invalid> {
                let check: fn(&str) -> Result<String, $crate::Invalid> = $check;
                check(value).map(Self)
            }

            /// The checked value.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use checked_string;

/// Makes a closed set of words: an enum whose variants are written and read in snake case.
macro_rules! words {
    ($(#[$docs:meta])* $name:ident { $($(#[$variant_docs:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_docs])* $variant),+ }

        impl $name {
            /// Every one of them, in the order of the declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::field::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::field::UnknownWord { expected: &[$($word),+] }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

/// A word that is none of a closed set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", expected.join(", "))]
pub struct UnknownWord {
    /// The words of the set.
    pub expected: &'static [&'static str],
}

impl UnknownWord {
    /// The same, said of a field.
    pub fn of(self, field: &'static str) -> Invalid {
        Invalid::new(field, self.to_string())
    }
}
