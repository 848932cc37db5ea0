//! Documents as trees of values that know where they stand in the text.
//!
//! [`read`] takes YAML 1.2 (core schema) or JSON and builds the tree without recursion, within [`Bounds`], so a
//! hostile text costs no more than an honest one. [`from_value`] makes the same tree of a value that was read before.

mod json;
mod scalar;
mod tree;
mod yaml;

use serde_json::{Map, Number, Value};

pub(crate) use tree::Tree;

use crate::{Error, limits, problem::Problem, problem::ProblemCode};

/// A place in the text, both counted from 1; both 0 for a document that was not read from text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in that line.
    pub column: usize,
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub position: Position,
    /// What it is.
    pub content: Content,
}

/// What a node holds: the types of JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// An object.
    Mapping(Vec<Entry>),
}

/// A property of a mapping. The keys of one mapping differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Where the name stands.
    pub position: Position,
    /// Its value.
    pub value: Node,
}

/// How large a text may be that is read, and what it stands for.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The length of the text, in bytes.
    pub bytes: usize,
    /// How deep values may be nested.
    pub depth: usize,
    /// How many values there may be, counted after YAML aliases are replaced by what they stand for.
    pub nodes: usize,
}

impl Bounds {
    /// Those of a definition.
    pub const DOCUMENT: Self =
        Self { bytes: limits::DOCUMENT_BYTES, depth: limits::DOCUMENT_DEPTH, nodes: limits::DOCUMENT_NODES };
}

impl Node {
    /// The same as a JSON value. Trees are never deeper than their [`Bounds`], so the recursion is bounded.
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(value) => Value::Number(value.clone()),
            Content::String(value) => Value::String(value.clone()),
            Content::Sequence(items) => items.iter().map(Self::to_value).collect(),
            Content::Mapping(entries) => {
                let properties = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value()));
                Value::Object(properties.collect::<Map<_, _>>())
            }
        }
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Null => "null",
            Content::Bool(_) => "a boolean",
            Content::Number(_) => "a number",
            Content::String(_) => "a string",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "an object",
        }
    }
}

/// Reads YAML or JSON text. What is wrong but does not keep the rest from being read is in the second part.
///
/// # Errors
/// [`Error::Malformed`] if the text is neither; [`Error::Invalid`] if it is beyond the bounds.
pub fn read(text: &str, bounds: Bounds) -> Result<(Node, Vec<Problem>), Error> {
    if text.len() > bounds.bytes {
        let message = format!("the document has {} bytes; the limit is {}", text.len(), bounds.bytes);
        return Err(limit(String::new(), Position { line: 1, column: 1 }, message));
    }
    if json::is_json(text) { json::read(text, bounds) } else { yaml::read(text, bounds) }
}

/// Reads YAML 1.2 (core schema) or JSON text as a value, as [`Definition::parse`](crate::Definition::parse) reads it: whether it is a
/// definition is not asked.
///
/// # Errors
/// [`Error::Malformed`] if the text is neither; [`Error::Invalid`] if it says what no value can.
pub fn read_value(text: &str) -> Result<Value, Error> {
    let (node, problems) = read(text, Bounds::DOCUMENT)?;
    if problems.is_empty() { Ok(node.to_value()) } else { Err(Error::Invalid(problems)) }
}

/// Makes the tree of a value, without positions.
pub(crate) fn from_value(value: &Value) -> Result<Node, Error> {
    json::from_value(value, 0)
}

/// A JSON Pointer with one more token, escaped (RFC 6901, section 3).
pub(crate) fn pointer(parent: &str, token: &str) -> String {
    format!("{parent}/{}", token.replace('~', "~0").replace('/', "~1"))
}

fn limit(path: String, position: Position, message: String) -> Error {
    Error::Invalid(vec![problem(path, position, ProblemCode::Limit, message)])
}

fn problem(path: String, position: Position, code: ProblemCode, message: impl Into<String>) -> Problem {
    Problem { path, line: position.line, column: position.column, code, message: message.into() }
}
