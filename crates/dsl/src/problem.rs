//! What is wrong with a document: each thing with its place and a stable code.

use std::fmt;

use serde::Serialize;

/// One thing wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where, as a JSON Pointer (RFC 6901); empty for the whole document.
    pub path: String,
    /// Where in the text, counted from 1; 0 when the document was not read from text.
    pub line: usize,
    /// Which character of that line, counted from 1; 0 when the document was not read from text.
    pub column: usize,
    /// What kind of mistake it is.
    pub code: ProblemCode,
    /// What was expected, in a sentence for people.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "the document" } else { &self.path };
        write!(f, "{place} (line {}, column {}): {}", self.line, self.column, self.message)
    }
}

/// The kinds of mistakes. Users' tools read the words, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemCode {
    /// The text is neither YAML nor JSON.
    Malformed,
    /// A required property is not there.
    Missing,
    /// A value is not of the type or form that its place wants.
    Invalid,
    /// The specification has no such property there.
    UnknownProperty,
    /// The specification has it; this version of the interpreter does not.
    Unsupported,
    /// A runtime expression does not compile.
    Expression,
    /// The document is larger or deeper than is accepted.
    Limit,
}

/// Why a document was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is neither YAML nor JSON.
    #[error("{0}")]
    Malformed(Problem),
    /// The text can be read, but is not a definition that can be run. Never empty; in the order of the document.
    #[error("{} problems, the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Invalid(Vec<Problem>),
}

impl Error {
    /// Everything that is wrong.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Malformed(problem) => std::slice::from_ref(problem),
            Self::Invalid(problems) => problems,
        }
    }
}
