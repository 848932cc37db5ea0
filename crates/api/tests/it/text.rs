//! Answers without what is different each time.

use serde_json::Value;

/// The same, as if no API key in it had been used: the server notes that when it has the time.
pub(crate) fn unused(mut value: Value) -> Value {
    forget_use(&mut value);
    value
}

fn forget_use(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(forget_use),
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "last_used_at" | "last_used_address" => *member = Value::Null,
                    _ => forget_use(member),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The same, with a word in brackets for each id, time and digest.
pub(crate) fn steady(value: Value) -> Value {
    let mut value = unused(value);
    soften(&mut value);
    value
}

fn soften(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(soften),
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), &member) {
                    ("prefix" | "last_four" | "secret" | "digest" | "run_id", Value::String(text)) => {
                        *member = format!("[{} characters]", text.len()).into();
                    }
                    ("namespace", Value::String(text)) if text.contains('-') => {
                        let slug = text.rsplit_once('-').map_or("", |(slug, _)| slug);
                        *member = format!("{slug}-[hexadecimal]").into();
                    }
                    _ => soften(member),
                }
            }
        }
        Value::String(text) => {
            if let Some(word) = word(text) {
                *text = word;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn word(text: &str) -> Option<String> {
    if let Some((prefix @ ("org" | "usr" | "key" | "wf" | "exe" | "sch"), rest)) = text.split_once('_') {
        return (rest.len() == 26).then(|| format!("[{prefix}]"));
    }
    let is_time = text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
    is_time.then(|| "[time]".to_owned())
}
