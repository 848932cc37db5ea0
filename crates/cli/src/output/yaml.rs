//! JSON as YAML.

use std::borrow::Cow;

use saphyr::{Scalar, ScalarStyle, Yaml, YamlEmitter};
use serde_json::{Number, Value};

/// The value as one YAML document, without a document marker.
pub(super) fn write(value: &Value) -> String {
    let mut text = String::new();
    let mut emitter = YamlEmitter::new(&mut text);
    emitter.multiline(true);
    // Writing into a String cannot fail.
    let _ = emitter.dump(&convert(value));
    text.strip_prefix("---\n").unwrap_or(&text).to_owned()
}

fn convert(value: &Value) -> Yaml<'_> {
    match value {
        Value::Null => plain_scalar("null".to_owned()),
        Value::Bool(truth) => Yaml::Value(Scalar::Boolean(*truth)),
        Value::Number(number) => convert_number(number),
        Value::String(text) => string(text),
        Value::Array(items) => Yaml::Sequence(items.iter().map(convert).collect()),
        Value::Object(fields) => {
            Yaml::Mapping(fields.iter().map(|(name, value)| (string(name), convert(value))).collect())
        }
    }
}

fn convert_number(number: &Number) -> Yaml<'_> {
    number
        .as_i64()
        .map_or_else(|| plain_scalar(number.to_string()), |whole| Yaml::Value(Scalar::Integer(whole)))
}

fn string(text: &str) -> Yaml<'_> {
    Yaml::Value(Scalar::String(Cow::Borrowed(text)))
}

fn plain_scalar<'a>(text: String) -> Yaml<'a> {
    Yaml::Representation(Cow::Owned(text), ScalarStyle::Plain, None)
}

#[cfg(test)]
mod tests {
    use saphyr::LoadableYamlNode as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn should_write_what_yaml_readers_read_back() {
        let value = json!({
            "text": "quote", "no": "no", "null": null, "number": "1.0", "time": "2026-01-01T00:00:00Z",
            "lines": "one\n two\n", "empty": "", "large": 18_446_744_073_709_551_615_u64, "half": 0.5, "list": [1, [], {}],
            "tilde": "~", "colon": "a: b # c", "space": " x ",
        });
        let text = write(&value);
        let read = Yaml::load_from_str(&text).expect("good YAML");
        for (name, expected) in value.as_object().expect("an object") {
            let got = read[0].as_mapping_get(name).expect(name);
            assert_eq!(got.as_str(), expected.as_str(), "{name} in {text}");
        }
        insta::assert_snapshot!(text);
    }
}
