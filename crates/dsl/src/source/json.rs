//! Reads JSON, where YAML would read it differently: pairs of surrogates in `\u` escapes are JSON's own.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Bounds, Content, Entry, Node, Position, Tree, limit};
use crate::{Error, limits, problem::Problem};

/// Whether the text is a JSON object, and not YAML in braces.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Reads text that [`is_json`].
pub(super) fn read(text: &str, bounds: Bounds) -> Result<(Node, Vec<Problem>), Error> {
    let mut reader =
        Reader { rest: text, position: Position { line: 1, column: 1 }, tree: Tree::within(bounds) };
    while let Some(first) = reader.rest.chars().next() {
        reader.token(first)?;
    }
    let (root, problems) = reader.tree.finish();
    Ok((root.unwrap_or(Node { position: Position::default(), content: Content::Null }), problems))
}

struct Reader<'t> {
    rest: &'t str,
    position: Position,
    tree: Tree,
}

impl<'t> Reader<'t> {
    fn token(&mut self, first: char) -> Result<(), Error> {
        let position = self.position;
        match first {
            '{' => self.tree.open_mapping(position)?,
            '[' => self.tree.open_sequence(position)?,
            '}' | ']' => {
                self.tree.close(false);
            }
            '"' => {
                let text = self.consume(string_length(self.rest));
                return self.string(text, position);
            }
            '-' | '0'..='9' | 'a'..='z' => {
                let end = self.rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(self.rest.len());
                let text = self.consume(end);
                return self.word(text, position);
            }
            _ => {}
        }
        self.consume(first.len_utf8());
        Ok(())
    }

    fn string(&mut self, text: &str, position: Position) -> Result<(), Error> {
        // A lone surrogate is the one thing that a syntax check lets through.
        let string: String = serde_json::from_str(text).unwrap_or_else(|_| {
            self.tree.report(position, "the string has an escape that stands for no character");
            String::new()
        });
        if self.tree.wants_key() {
            self.tree.key(string, position);
            return Ok(());
        }
        self.tree.scalar(position, Content::String(string))
    }

    fn word(&mut self, text: &str, position: Position) -> Result<(), Error> {
        let content = match serde_json::from_str(text) {
            Ok(Value::Bool(value)) => Content::Bool(value),
            Ok(Value::Number(number)) if is_exact(text, &number) => Content::Number(number),
            Ok(Value::Number(_)) | Err(_) => {
                self.tree.report(position, "the number is too large");
                Content::Null
            }
            Ok(_) => Content::Null,
        };
        self.tree.scalar(position, content)
    }

    fn consume(&mut self, bytes: usize) -> &'t str {
        let (token, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        for character in token.chars() {
            if character == '\n' {
                self.position = Position { line: self.position.line + 1, column: 1 };
            } else {
                self.position.column += 1;
            }
        }
        token
    }
}

/// An integer that became a float has lost digits.
fn is_exact(text: &str, number: &serde_json::Number) -> bool {
    !number.is_f64() || text.contains(['.', 'e', 'E'])
}

/// How many bytes the string at the beginning has, with its quotes.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// The tree of a value, refused where it is nested deeper than `depth` allows.
pub(super) fn from_value(value: &Value, depth: usize) -> Result<Node, Error> {
    let nested = matches!(value, Value::Array(_) | Value::Object(_));
    if nested && depth == limits::DOCUMENT_DEPTH {
        let message = format!("values are nested deeper than {}", limits::DOCUMENT_DEPTH);
        return Err(limit(String::new(), Position::default(), message));
    }
    let content = match value {
        Value::Null => Content::Null,
        Value::Bool(value) => Content::Bool(*value),
        Value::Number(value) => Content::Number(value.clone()),
        Value::String(value) => Content::String(value.clone()),
        Value::Array(items) => {
            Content::Sequence(items.iter().map(|item| from_value(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(properties) => Content::Mapping(
            properties.iter().map(|(key, value)| entry(key, value, depth)).collect::<Result<_, _>>()?,
        ),
    };
    Ok(Node { position: Position::default(), content })
}

fn entry(key: &str, value: &Value, depth: usize) -> Result<Entry, Error> {
    Ok(Entry { key: key.to_owned(), position: Position::default(), value: from_value(value, depth + 1)? })
}
