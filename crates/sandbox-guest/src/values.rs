//! Values between requests and responses and jaq.

use jaq_json::{Map, Num, Val};
use tenantry_sandbox_wire::{Limits, Malformed, Reader, Tag, VALUE, Writer};

use crate::Error;

/// The largest whole number below which floats hold every whole number.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// A response without a value.
pub(crate) fn nothing() -> Writer {
    let mut response = Writer::default();
    response.byte(VALUE);
    response
}

/// Reads a value of a request.
pub(crate) fn read(request: &mut Reader<'_>) -> Result<Val, Malformed> {
    Ok(match request.tag()? {
        Tag::Null => Val::Null,
        Tag::False => Val::Bool(false),
        Tag::True => Val::Bool(true),
        Tag::Signed => Val::Num(Num::from_integral(i64::from_le_bytes(request.long()?))),
        Tag::Unsigned => Val::Num(Num::from_integral(u64::from_le_bytes(request.long()?))),
        Tag::Float => Val::Num(Num::Float(f64::from_le_bytes(request.long()?))),
        Tag::Text => Val::from(request.text()?.to_owned()),
        Tag::Array => {
            let count = request.count()?;
            let mut items = Vec::with_capacity(count);
            for _ in 0..count {
                items.push(read(request)?);
            }
            Val::Arr(items.into())
        }
        Tag::Object => {
            let count = request.count()?;
            let mut properties = Map::default();
            properties.reserve(count);
            for _ in 0..count {
                properties.insert(Val::from(request.text()?.to_owned()), read(request)?);
            }
            Val::obj(properties)
        }
    })
}

/// A response with this value, refused beyond the limits.
pub(crate) fn write(value: &Val, limits: Limits) -> Result<Writer, Error> {
    let mut response = Response { writer: nothing(), limits, room: limits.bytes as usize, depth: 0 };
    response.value(value)?;
    Ok(response.writer)
}

struct Response {
    writer: Writer,
    limits: Limits,
    room: usize,
    depth: u32,
}

impl Response {
    fn value(&mut self, value: &Val) -> Result<(), Error> {
        self.take(1)?;
        match value {
            Val::Null => self.writer.tag(Tag::Null),
            Val::Bool(false) => self.writer.tag(Tag::False),
            Val::Bool(true) => self.writer.tag(Tag::True),
            Val::Num(number) => self.number(number)?,
            Val::TStr(bytes) => {
                self.writer.tag(Tag::Text);
                self.text(bytes)?;
            }
            Val::BStr(_) => {
                return Err(Error::new("the value has bytes that are not text, which JSON cannot hold"));
            }
            Val::Arr(items) => self.nested(Tag::Array, items.len(), |inner| {
                items.iter().try_for_each(|item| inner.value(item))
            })?,
            Val::Obj(properties) => self.nested(Tag::Object, properties.len(), |inner| {
                properties.iter().try_for_each(|(key, value)| {
                    inner.key(key)?;
                    inner.value(value)
                })
            })?,
        }
        Ok(())
    }

    fn nested(
        &mut self,
        tag: Tag,
        count: usize,
        write: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.depth == self.limits.depth {
            return Err(Error::new(format!("the value is nested deeper than {}", self.limits.depth)));
        }
        self.writer.tag(tag);
        self.writer.count(count);
        self.depth += 1;
        write(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn key(&mut self, key: &Val) -> Result<(), Error> {
        match key {
            Val::TStr(bytes) => self.text(bytes),
            other => Err(Error::new(format!("an object's key must be a string, not {other}"))),
        }
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.take(bytes.len())?;
        self.writer.text(String::from_utf8_lossy(bytes).as_bytes());
        Ok(())
    }

    fn number(&mut self, number: &Num) -> Result<(), Error> {
        match number {
            Num::Int(integer) => self.signed(*integer as i64),
            Num::Float(float) => self.float(*float),
            Num::BigInt(integer) => self.digits(&integer.to_string())?,
            Num::Dec(text) => self.digits(text)?,
        }
        Ok(())
    }

    fn digits(&mut self, text: &str) -> Result<(), Error> {
        self.take(text.len())?;
        if let Ok(integer) = text.parse::<i64>() {
            self.signed(integer);
        } else if let Ok(integer) = text.parse::<u64>() {
            self.writer.tag(Tag::Unsigned);
            self.writer.long(integer.to_le_bytes());
        } else {
            self.float(text.parse().map_err(|_| Error::new(format!("{text} is not a number")))?);
        }
        Ok(())
    }

    fn signed(&mut self, integer: i64) {
        self.writer.tag(Tag::Signed);
        self.writer.long(integer.to_le_bytes());
    }

    /// A float as jq writes it: whole numbers without a point, not-a-number as null, infinities as the largest number.
    fn float(&mut self, float: f64) {
        if float.is_nan() {
            self.writer.tag(Tag::Null);
        } else if float.fract() == 0.0 && float.abs() < WHOLE {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is whole and within the bounds of an i64"
            )]
            self.signed(float as i64);
        } else {
            self.writer.tag(Tag::Float);
            self.writer.long(float.clamp(f64::MIN, f64::MAX).to_le_bytes());
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), Error> {
        let Some(room) = self.room.checked_sub(bytes) else {
            return Err(Error::new(format!("the value has more than {} bytes", self.limits.bytes)));
        };
        self.room = room;
        Ok(())
    }
}
