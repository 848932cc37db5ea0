//! Events in plain JSON: without what is empty, and with payloads as what they say.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use tenantry_dsl::json;

/// The length of one payload that is shown, in bytes (16 KiB).
const PAYLOAD_BYTES: usize = 16 * 1024;
/// The length of all that is shown of one event, in bytes of JSON (64 KiB).
const EVENT_BYTES: usize = 64 * 1024;
/// What a payload has.
const PAYLOAD: [&str; 3] = ["metadata", "data", "external_payloads"];
/// What the names of all attributes end in.
const SUFFIX: &str = "EventAttributes";

/// The type of an event, and what there is to say about it.
pub(super) fn attributes(event: &HistoryEvent) -> Result<(String, Value), serde_json::Error> {
    let Value::Object(named) = serde_json::to_value(&event.attributes)? else {
        return Ok((event.event_type().as_str_name().to_owned(), json!({})));
    };
    let Some((name, attributes)) = named.into_iter().next() else {
        return Ok((event.event_type().as_str_name().to_owned(), json!({})));
    };
    let kind = name.strip_suffix(SUFFIX).unwrap_or(&name).to_owned();
    let attributes = plain(attributes).unwrap_or_else(|| json!({}));
    let bytes = attributes.to_string().len();
    if bytes > EVENT_BYTES {
        return Ok((kind, json!({ "omitted_bytes": bytes })));
    }
    Ok((kind, attributes))
}

/// The value, unless it is empty.
fn plain(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => Some(items.into_iter().map(|item| plain(item).unwrap_or_default()).collect()),
        Value::Object(members) => object(members),
        simple => Some(simple),
    }
}

fn object(mut members: Map<String, Value>) -> Option<Value> {
    if let Some(Value::String(data)) = members.get("data")
        && members.keys().all(|name| PAYLOAD.contains(&name.as_str()))
    {
        return Some(payload(members.get("metadata"), data));
    }
    // Payloads come in lists that have a name of their own.
    if members.len() == 1
        && let Some(Value::Array(payloads)) = members.get_mut("payloads").map(Value::take)
    {
        return plain(Value::Array(payloads));
    }
    let mut members: Map<_, _> =
        members.into_iter().filter_map(|(name, value)| Some((name, plain(value)?))).collect();
    // Some are in no order, and would be in another the next time.
    members.sort_keys();
    (!members.is_empty()).then_some(Value::Object(members))
}

/// What a payload says, if it is JSON; its bytes in base64 if not. What is too large is left out, which is said.
fn payload(metadata: Option<&Value>, data: &str) -> Value {
    let decoded = |text: &Value| STANDARD.decode(text.as_str()?).ok();
    let encoding = metadata.and_then(|metadata| decoded(metadata.get("encoding")?)).unwrap_or_default();
    let encoding = String::from_utf8_lossy(&encoding).into_owned();
    let bytes = STANDARD.decode(data).unwrap_or_default();
    if bytes.len() > PAYLOAD_BYTES {
        return json!({ "encoding": encoding, "omitted_bytes": bytes.len() });
    }
    if encoding == "binary/null" {
        return Value::Null;
    }
    let read = encoding.starts_with("json/").then(|| json::read(&bytes).ok()).flatten();
    read.unwrap_or_else(|| json!({ "encoding": encoding, "base64": data }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload_of(encoding: &str, data: &[u8]) -> Value {
        json!({ "metadata": { "encoding": STANDARD.encode(encoding) }, "data": STANDARD.encode(data) })
    }

    #[test]
    fn should_show_payloads_as_what_they_say() {
        let long = format!("\"{}\"", "a".repeat(PAYLOAD_BYTES));
        let cases = [
            (payload_of("json/plain", b"{\"a\":[1,null,\"\"]}"), json!({"a": [1, null, ""]})),
            (payload_of("json/protobuf", b"{}"), json!({})),
            (payload_of("binary/null", b""), json!(null)),
            (payload_of("binary/plain", b"\xff"), json!({"encoding": "binary/plain", "base64": "/w=="})),
            (json!({ "data": "/w==" }), json!({"encoding": "", "base64": "/w=="})),
            (payload_of("json/plain", b"{"), json!({"encoding": "json/plain", "base64": "ew=="})),
            (
                payload_of("json/plain", long.as_bytes()),
                json!({"encoding": "json/plain", "omitted_bytes": long.len()}),
            ),
        ];
        for (payload, expected) in cases {
            let nested =
                json!({ "input": { "payloads": [payload] }, "nothing": null, "none": "", "no": {"x": []} });
            assert_eq!(plain(nested), Some(json!({ "input": [expected] })));
        }
    }

    #[test]
    fn should_not_read_into_what_a_payload_says() {
        let inside = payload_of("json/plain", b"1");
        let outside = payload_of("json/plain", inside.to_string().as_bytes());
        assert_eq!(plain(outside), Some(inside));
    }
}
