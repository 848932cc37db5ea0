//! Examples of shapes, made of those of their fields.

use serde_json::{Map, Value, json};

use super::{Document, items, members, text};

/// How deep shapes are followed.
const DEPTH: usize = 8;

/// Something of this shape.
pub(super) fn example(document: Document<'_>, schema: &Value, depth: usize) -> Value {
    if let Some(told) = schema["examples"].get(0).or(schema.get("example")) {
        return told.clone();
    }
    if depth > DEPTH {
        return Value::Null;
    }
    let of = |schema: &Value| example(document, schema, depth + 1);
    if !schema["$ref"].is_null() {
        return of(document.resolve(schema));
    }
    let mut whole = Map::new();
    for part in items(&schema["allOf"]) {
        if let Value::Object(part) = of(part) {
            whole.extend(part);
        }
    }
    for (name, field) in members(&schema["properties"]) {
        whole.insert(name.clone(), of(field));
    }
    if !whole.is_empty() {
        return whole.into();
    }
    let one = items(&schema["oneOf"]).chain(items(&schema["anyOf"])).find(|one| one["type"] != "null");
    match one {
        Some(one) => of(one),
        None if schema["type"] == "array" || schema["type"][0] == "array" => json!([of(&schema["items"])]),
        None if schema["type"] == "boolean" => json!(true),
        None => schema["enum"].get(0).cloned().unwrap_or_else(|| of_type(text(&schema["type"]))),
    }
}

fn of_type(name: &str) -> Value {
    match name {
        "object" => json!({}),
        "integer" | "number" => json!(0),
        "string" => json!(""),
        _ => Value::Null,
    }
}
