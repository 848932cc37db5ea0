//! What a shape allows, in a few words, and field by field.

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::{Document, Prose, Text, items, members, text};

/// How many words of a closed set are shown.
const SHOWN: usize = 60;

/// What kind of thing it is, and its limits.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("<a href=\"#shape-{name}\">{name}</a>");
    }
    for (key, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if schema[key].is_array() && schema["properties"].is_null() {
            return items(&schema[key]).map(kind).collect::<Vec<_>>().join(between);
        }
    }
    let mut said = vec![types(schema)];
    said.extend(limits(schema));
    said.join(", ")
}

fn types(schema: &Value) -> String {
    let of = |name: &Value| match text(name) {
        "array" => format!("array of {}", kind(&schema["items"])),
        name => name.to_owned(),
    };
    match &schema["type"] {
        Value::Array(all) => all.iter().map(of).collect::<Vec<_>>().join(" or "),
        Value::String(_) => of(&schema["type"]),
        _ if schema["enum"].is_array() => "one of".to_owned(),
        _ => "anything".to_owned(),
    }
}

fn limits(schema: &Value) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(format) = schema["format"].as_str() {
        said.push(Text(format).to_string());
    }
    for (least, most, of) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ] {
        match (&schema[least], &schema[most]) {
            (Value::Null, Value::Null) => {}
            (least, Value::Null) => said.push(format!("at least {least}{of}")),
            (Value::Null, most) => said.push(format!("at most {most}{of}")),
            (least, most) => said.push(format!("{least} to {most}{of}")),
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        said.push(format!("<code>{}</code>", Text(pattern)));
    }
    if let Some(default) = schema.get("default") {
        said.push(format!("{} unless told", Text(&default.to_string())));
    }
    if let Some(words) = schema["enum"].as_array() {
        let shown = words.iter().filter_map(Value::as_str).take(SHOWN);
        let shown: Vec<String> = shown.map(|word| format!("<code>{}</code>", Text(word))).collect();
        let more = words.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        said.push(format!("{}{more}", shown.join(" ")));
    }
    said
}

/// Its fields, and those of what it is made of here.
pub(super) fn fields(html: &mut String, document: Document<'_>, schema: &Value) -> fmt::Result {
    let parts = items(&schema["allOf"]).map(|part| document.resolve(part)).chain([schema]);
    let all: Vec<_> =
        parts.flat_map(|part| members(&part["properties"]).map(move |field| (part, field))).collect();
    if all.is_empty() {
        return Ok(());
    }
    html.push_str("<table>\n");
    for (part, (name, field)) in all {
        let needed = items(&part["required"]).any(|needed| needed == name.as_str());
        writeln!(
            html,
            "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td></tr>",
            Text(name),
            if needed { " <i>required</i>" } else { "" },
            kind(field),
            Prose(text(&field["description"])),
        )?;
    }
    html.push_str("</table>\n");
    Ok(())
}
