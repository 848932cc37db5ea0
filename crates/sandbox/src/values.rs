//! Requests to the guest, and its responses.

use serde_json::{Map, Number, Value};
use tenantry_dsl::{
    expression::{Arguments, Error, Expression},
    limits,
};
use tenantry_sandbox_wire::{ERROR, Limits, Malformed, NOWHERE, Reader, Tag, VALUE, Writer};

/// A request to compile an expression.
pub(crate) fn program(expression: &Expression) -> Writer {
    let limit = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
    let mut request = Writer::default();
    request.limits(Limits { bytes: limit(limits::VALUE_BYTES), depth: limit(limits::VALUE_DEPTH) });
    request.text(expression.text().as_bytes());
    request.count(expression.variables().len());
    for name in expression.variables() {
        request.text(name.as_bytes());
    }
    request
}

/// A request to evaluate it.
pub(crate) fn evaluation(expression: &Expression, input: &Value, arguments: &Arguments) -> Vec<u8> {
    let mut request = program(expression);
    for name in expression.variables() {
        write(arguments.get(name).unwrap_or(&Value::Null), &mut request);
    }
    write(input, &mut request);
    request.into_bytes()
}

/// Values are bounded in depth where they come in, and so is the recursion.
fn write(value: &Value, request: &mut Writer) {
    match value {
        Value::Null => request.tag(Tag::Null),
        Value::Bool(false) => request.tag(Tag::False),
        Value::Bool(true) => request.tag(Tag::True),
        Value::Number(number) => write_number(number, request),
        Value::String(text) => {
            request.tag(Tag::Text);
            request.text(text.as_bytes());
        }
        Value::Array(items) => {
            request.tag(Tag::Array);
            request.count(items.len());
            for item in items {
                write(item, request);
            }
        }
        Value::Object(properties) => {
            request.tag(Tag::Object);
            request.count(properties.len());
            for (key, value) in properties {
                request.text(key.as_bytes());
                write(value, request);
            }
        }
    }
}

fn write_number(number: &Number, request: &mut Writer) {
    if let Some(integer) = number.as_i64() {
        request.tag(Tag::Signed);
        request.long(integer.to_le_bytes());
    } else if let Some(integer) = number.as_u64() {
        request.tag(Tag::Unsigned);
        request.long(integer.to_le_bytes());
    } else {
        request.tag(Tag::Float);
        request.long(number.as_f64().unwrap_or(f64::NAN).to_le_bytes());
    }
}

/// What a response says: a value, if the request asked for one, or an error.
pub(crate) fn outcome(response: &[u8]) -> Result<Option<Value>, Error> {
    let mut reader = Reader::new(response);
    match reader.byte() {
        Ok(VALUE) if response.len() == 1 => Ok(None),
        Ok(VALUE) => read(&mut reader, 0).map(Some).map_err(|Malformed| malformed()),
        Ok(ERROR) => Err(error(&mut reader).unwrap_or_else(|Malformed| malformed())),
        _ => Err(malformed()),
    }
}

/// The response is not one.
pub(crate) fn malformed() -> Error {
    Error::new("the expression failed in the evaluator itself")
}

fn error(response: &mut Reader<'_>) -> Result<Error, Malformed> {
    let offset = Some(response.short()?).filter(|offset| *offset != NOWHERE);
    let offset = offset.map(|offset| offset as usize);
    Ok(Error { message: response.text()?.to_owned(), offset })
}

fn read(response: &mut Reader<'_>, depth: usize) -> Result<Value, Malformed> {
    if depth > limits::VALUE_DEPTH {
        return Err(Malformed);
    }
    Ok(match response.tag()? {
        Tag::Null => Value::Null,
        Tag::False => Value::Bool(false),
        Tag::True => Value::Bool(true),
        Tag::Signed => Value::from(i64::from_le_bytes(response.long()?)),
        Tag::Unsigned => Value::from(u64::from_le_bytes(response.long()?)),
        Tag::Float => Value::from(f64::from_le_bytes(response.long()?)),
        Tag::Text => Value::from(response.text()?),
        Tag::Array => {
            let count = response.count()?;
            (0..count).map(|_| read(response, depth + 1)).collect::<Result<_, _>>()?
        }
        Tag::Object => {
            let count = response.count()?;
            let property = |_| Ok((response.text()?.to_owned(), read(response, depth + 1)?));
            Value::Object((0..count).map(property).collect::<Result<Map<_, _>, _>>()?)
        }
    })
}
