//! Whole numbers, however they are written: JSON has one kind of number, so 60.0 is as whole as 60 (JSON Schema 2020-12, section 6.1.1).

use std::{fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// From here on not every whole number is a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a number that may be null, or missing where `#[serde(default)]` says so.
pub(crate) fn read<'de, T: TryFrom<i128>, D: Deserializer<'de>>(number: D) -> Result<Option<T>, D::Error> {
    number.deserialize_any(Whole(PhantomData))
}

struct Whole<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Visitor<'_> for Whole<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number within the range")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        let within = T::try_from(number.into()).map(Some);
        within.map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        let within = T::try_from(number.into()).map(Some);
        within.map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        if number.fract() != 0.0 || number.abs() >= EXACT {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the range")]
        self.visit_i64(number as i64)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(number: &Value, expected: Result<Option<u32>, ()>) {
        assert_eq!(read::<u32, _>(number).map_err(drop), expected, "{number}");
    }

    #[test]
    fn should_take_every_way_to_write_a_whole_number() {
        check(&json!(60), Ok(Some(60)));
        check(&json!(60.0), Ok(Some(60)));
        check(&json!(6e1), Ok(Some(60)));
        check(&json!(-0.0), Ok(Some(0)));
        check(&json!(null), Ok(None));
    }

    #[test]
    fn should_take_nothing_else() {
        for other in [
            json!(60.5),
            json!(-1),
            json!(1e300),
            json!(4_294_967_296_u64),
            json!("60"),
            json!(true),
            json!([]),
        ] {
            check(&other, Err(()));
        }
    }
}
