//! URI templates: the simple string expansion of RFC 6570, section 3.2.2, and no other (the specification's DSL reference,
//! "URI Template").

use serde_json::Value;

/// A template such as `https://example.com/pets/{petId}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UriTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// The name of a property of the input, as it is: dots in it are no paths.
    Variable(String),
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("a brace is not closed, or not opened")]
    Brace,
    #[error("`{{{0}}}` is not supported: only a name may stand in braces")]
    Operator(String),
}

impl UriTemplate {
    /// Reads a template.
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find(['{', '}']) {
            let (literal, braced) = rest.split_at(start);
            let braced = braced.strip_prefix('{').ok_or(Invalid::Brace)?;
            let (name, after) = braced.split_once('}').ok_or(Invalid::Brace)?;
            parts.push(Part::Literal(literal.to_owned()));
            parts.push(Part::Variable(variable(name)?.to_owned()));
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The URI, with the properties of `input` in place of their names. One that is missing or null is empty.
    ///
    /// # Errors
    /// Names the property that is a list or an object.
    pub(crate) fn expand(&self, input: &Value) -> Result<String, String> {
        let mut uri = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => uri.push_str(text),
                Part::Variable(name) => uri.push_str(&percent_encode(&simple(input.get(name), name)?)),
            }
        }
        Ok(uri)
    }

    /// The URI with `1` in place of every name, which is of the right form for a port too.
    pub(crate) fn sample(&self) -> String {
        let sample = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Variable(_) => "1".to_owned(),
        };
        self.0.iter().map(sample).collect()
    }
}

fn variable(name: &str) -> Result<&str, Invalid> {
    let operator = name.starts_with(['+', '#', '.', '/', ';', '?', '&', '=', ',', '!', '@', '|', '$']);
    let modifier = name.contains([',', ':', '*', '{']);
    if operator || modifier || name.is_empty() {
        return Err(Invalid::Operator(name.to_owned()));
    }
    Ok(name)
}

fn simple(value: Option<&Value>, name: &str) -> Result<String, String> {
    match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => Ok(value.to_string()),
        Some(_) => Err(format!("`{name}` is a list or an object, which cannot stand in a URI")),
    }
}

/// The text with everything encoded but RFC 3986's unreserved characters.
pub(crate) fn percent_encode(text: &str) -> String {
    const HEXADECIMAL: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEXADECIMAL[usize::from(byte >> 4)]));
            encoded.push(char::from(HEXADECIMAL[usize::from(byte & 15)]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn should_expand_as_rfc_6570_does() {
        let input = json!({"var": "value", "hello": "Hello World!", "half": "50%", "n": 7, "b": true, "x": null, "pet.id": "é"});
        let cases = [
            ("/{var}", "/value"),
            ("{hello}", "Hello%20World%21"),
            ("{half}", "50%25"),
            ("{n}-{b}-{x}-{missing}.", "7-true--."),
            ("{pet.id}", "%C3%A9"),
            ("plain", "plain"),
        ];
        for (template, expected) in cases {
            let template = UriTemplate::parse(template).expect(template);
            assert_eq!(template.expand(&input).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn should_refuse_what_is_not_simple_expansion() {
        for template in ["{+path}", "{?q}", "{a,b}", "{a:3}", "{a*}", "{}"] {
            assert!(matches!(UriTemplate::parse(template), Err(Invalid::Operator(_))), "{template}");
        }
        for template in ["{a", "a}", "{a}}"] {
            assert_eq!(UriTemplate::parse(template), Err(Invalid::Brace), "{template}");
        }
    }

    #[test]
    fn should_not_put_a_list_into_a_uri() {
        let template = UriTemplate::parse("{list}").expect("a template");
        assert!(template.expand(&json!({"list": [1]})).is_err());
    }
}
