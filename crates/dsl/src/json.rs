//! JSON that somebody else wrote, read as what it says.
//!
//! With features that other crates switch on, `serde_json` takes an object whose first member has a certain name for something else: the
//! text beside it is read as JSON anew, again and again, without a bound on the stack that this takes. So untrusted JSON is never read as
//! a [`Value`] directly, but with [`read`] or as [`Json`], and nothing that has a member of such a name is kept: see
//! [`limits::check`](crate::limits::check).

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// What the names begin with that `serde_json` keeps for itself.
const RESERVED: &str = "$serde_json::private::";

/// Whether nothing can have a member of this name.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with(RESERVED)
}

/// Why something with such a member is refused.
pub(crate) fn refusal() -> String {
    format!("no member can have a name that begins with {RESERVED}")
}

/// The value of a text of JSON (RFC 8259).
///
/// # Errors
/// If it is none, is nested deeper than 127, or has a member of a reserved name.
pub fn read(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(text).map(|Json(value)| value)
}

/// A value that somebody else wrote, wherever serde reads one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Json(pub Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Plain).map(Self)
    }
}

struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Json(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if is_reserved(&name) {
                return Err(A::Error::custom(refusal()));
            }
            let Json(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn should_read_what_is_said() {
        let text = r#"{"b":[1,-2,18446744073709551615,0.5,1e300,"é",null,true,{}],"a":{"x":""},"a":2}"#;
        let expected: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(read(text.as_bytes()).expect("JSON"), expected);
        assert_eq!(read(b" null ").expect("JSON"), json!(null));
        for wrong in ["", "{", "[1,]", "nul", "1 2", &"[".repeat(200)] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    /// What a text is that `serde_json` would read anew so many times.
    fn folded(times: usize) -> String {
        (0..times).fold("1".to_owned(), |text, _| {
            let member = json!({ "$serde_json::private::RawValue": text }).to_string();
            format!("{}{member}{}", "[".repeat(100), "]".repeat(100))
        })
    }

    #[test]
    fn should_refuse_what_serde_json_would_read_anew() {
        let escaped = r#"{"\u0024serde_json::private::RawValue":"1"}"#.to_owned();
        for text in
            [folded(1), folded(9), escaped, r#"{"a":{"$serde_json::private::Number":"1"}}"#.to_owned()]
        {
            let error = read(text.as_bytes()).expect_err("refused").to_string();
            assert!(error.starts_with("no member can have a name"), "{error}");
        }
    }
}
