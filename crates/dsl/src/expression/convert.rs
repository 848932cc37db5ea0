//! Values between `serde_json` and jaq.

use jaq_json::{Map, Num, Val};
use serde_json::{Number, Value};

use super::Error;
use crate::limits;

/// The largest whole number below which floats hold every whole number.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// The value as jaq holds it. Values are bounded in depth where they come in, and so is the recursion.
pub(super) fn to_jaq(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(value) => Val::Bool(*value),
        Value::Number(number) => Val::Num(number_to_jaq(number)),
        Value::String(text) => Val::from(text.clone()),
        Value::Array(items) => items.iter().map(to_jaq).collect(),
        Value::Object(properties) => {
            let property = |(key, value): (&String, &Value)| (Val::from(key.clone()), to_jaq(value));
            Val::obj(properties.iter().map(property).collect::<Map>())
        }
    }
}

fn number_to_jaq(number: &Number) -> Num {
    if let Some(integer) = number.as_i64() {
        return Num::from_integral(integer);
    }
    number.as_u64().map_or_else(|| Num::Float(number.as_f64().unwrap_or(f64::NAN)), Num::from_integral)
}

/// The value as JSON, refused beyond the limits.
pub(super) fn from_jaq(value: &Val) -> Result<Value, Error> {
    let mut room = limits::VALUE_BYTES;
    Converter { room: &mut room, depth: 0 }.value(value)
}

struct Converter<'r> {
    room: &'r mut usize,
    depth: usize,
}

impl Converter<'_> {
    fn value(&mut self, value: &Val) -> Result<Value, Error> {
        self.take(1)?;
        match value {
            Val::Null => Ok(Value::Null),
            Val::Bool(value) => Ok(Value::Bool(*value)),
            Val::Num(number) => self.number(number),
            Val::TStr(bytes) => self.text(bytes).map(Value::String),
            Val::BStr(_) => Err(Error::new("the value has bytes that are not text, which JSON cannot hold")),
            Val::Arr(items) => {
                self.nested(|inner| items.iter().map(|item| inner.value(item)).collect::<Result<_, _>>())
            }
            Val::Obj(properties) => self.nested(|inner| {
                let properties =
                    properties.iter().map(|(key, value)| Ok((inner.key(key)?, inner.value(value)?)));
                properties.collect::<Result<_, _>>().map(Value::Object)
            }),
        }
    }

    fn nested(
        &mut self,
        convert: impl FnOnce(&mut Converter<'_>) -> Result<Value, Error>,
    ) -> Result<Value, Error> {
        if self.depth == limits::VALUE_DEPTH {
            return Err(Error::new(format!("the value is nested deeper than {}", limits::VALUE_DEPTH)));
        }
        convert(&mut Converter { room: self.room, depth: self.depth + 1 })
    }

    fn key(&mut self, key: &Val) -> Result<String, Error> {
        match key {
            Val::TStr(bytes) => self.text(bytes),
            other => Err(Error::new(format!("an object's key must be a string, not {other}"))),
        }
    }

    fn text(&mut self, bytes: &[u8]) -> Result<String, Error> {
        self.take(bytes.len())?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn number(&mut self, number: &Num) -> Result<Value, Error> {
        match number {
            Num::Int(integer) => Ok(Value::from(*integer as i64)),
            Num::Float(float) => Ok(float_value(*float)),
            Num::BigInt(integer) => self.digits(&integer.to_string()),
            Num::Dec(text) => self.digits(text),
        }
    }

    fn digits(&mut self, text: &str) -> Result<Value, Error> {
        self.take(text.len())?;
        if let Ok(integer) = text.parse::<u64>() {
            return Ok(Value::from(integer));
        }
        text.parse().map(float_value).map_err(|_| Error::new(format!("{text} is not a number")))
    }

    fn take(&mut self, bytes: usize) -> Result<(), Error> {
        let Some(room) = self.room.checked_sub(bytes) else {
            return Err(Error::new(format!("the value has more than {} bytes", limits::VALUE_BYTES)));
        };
        *self.room = room;
        Ok(())
    }
}

/// A float as jq writes it: whole numbers without a point, not-a-number as null, infinities as the largest number.
fn float_value(float: f64) -> Value {
    if float.is_nan() {
        return Value::Null;
    }
    if float.fract() == 0.0 && float.abs() < WHOLE {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the bounds of an i64")]
        return Value::from(float as i64);
    }
    Value::from(float.clamp(f64::MIN, f64::MAX))
}
