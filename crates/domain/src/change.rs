//! What becomes of something that may be absent.

/// A change of something that may be absent. On the wire a member that is missing keeps it, null clears it, and a value sets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Change<T> {
    /// What is there afterwards, if that was there before.
    pub fn of(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The same change, without taking it.
    pub const fn as_ref(&self) -> Change<&T> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(value),
        }
    }
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Change<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(default)]
        limit: Change<u8>,
    }

    #[test]
    fn should_tell_what_is_missing_from_what_is_null() {
        let check = |json: &str, expected, after| {
            let body: Body = serde_json::from_str(json).expect(json);
            assert_eq!((body.limit, body.limit.of(Some(1))), (expected, after), "{json}");
        };
        check("{}", Change::Keep, Some(1));
        check(r#"{"limit": null}"#, Change::Clear, None);
        check(r#"{"limit": 2}"#, Change::Set(2), Some(2));
    }
}
