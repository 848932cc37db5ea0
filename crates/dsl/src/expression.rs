//! Runtime expressions: jq programs in definitions (the specification's dsl.md, "Runtime Expressions").
//!
//! [`Expression`] is the text that was checked with its document. An [`Evaluator`] computes it; the one there is runs jq in
//! WebAssembly (the crate `sandbox`).

mod nesting;
mod stage;
mod template;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use stage::Stage;
pub(crate) use template::Template;

use crate::limits;

/// A runtime expression within the [limits].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expression {
    text: Arc<str>,
    variables: Arc<[String]>,
}

impl Expression {
    /// The expression in `text`, which may stand in `${ }` or bare. `variables` are the names, without `$`, of the arguments that
    /// may be used where it stands.
    ///
    /// # Errors
    /// If it is longer or nested deeper than the limits. Whether it compiles is for [`Evaluator::check`].
    pub fn parse(text: &str, variables: &[&str]) -> Result<Self, Error> {
        let (text, _) = Self::inner(text);
        if text.trim_start().starts_with("${") {
            return Err(Error::new("the expression begins with `${` and does not end with `}`"));
        }
        if text.len() > limits::EXPRESSION_BYTES {
            return Err(Error::new(format!(
                "the expression is longer than {} bytes",
                limits::EXPRESSION_BYTES
            )));
        }
        if nesting::depth(text) > limits::EXPRESSION_DEPTH {
            return Err(Error::new(format!(
                "the expression is nested deeper than {}",
                limits::EXPRESSION_DEPTH
            )));
        }
        let mentioned = variables.iter().filter(|name| text.contains(&format!("${name}")));
        Ok(Self { text: text.into(), variables: mentioned.map(ToString::to_string).collect() })
    }

    /// Whether a string of a definition is an expression: `${ … }` and nothing around it.
    pub fn is_marked(text: &str) -> bool {
        let text = text.trim();
        text.starts_with("${") && text.ends_with('}')
    }

    /// The jq program in a string, and how many bytes stand before it.
    pub(crate) fn inner(text: &str) -> (&str, usize) {
        if !Self::is_marked(text) {
            return (text, 0);
        }
        let program = &text.trim()[2..text.trim().len() - 1];
        let leading = text.len() - text.trim_start().len() + 2;
        (program, leading)
    }

    /// The jq program.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names, without `$`, of the arguments that it may need: those that may be used where it stands and that its text
    /// mentions. It is compiled with these as its variables and no others.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }
}

/// The arguments of an evaluation: `$context`, `$input` and so on.
#[derive(Clone, Debug, Default)]
pub struct Arguments(Vec<(String, Arc<Value>)>);

impl Arguments {
    /// The value of an argument, by its name without `$`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Adds an argument, by its name without `$`.
    #[must_use]
    pub fn with(mut self, name: &str, value: Arc<Value>) -> Self {
        self.0.push((name.to_owned(), value));
        self
    }

    /// Every argument with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), &**value))
    }
}

/// Why an expression does not compile or does not give a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong, in a sentence for people.
    pub message: String,
    /// Where in the expression's text, in bytes from its beginning; known only when it does not compile.
    pub offset: Option<usize>,
}

impl Error {
    /// An error at no place in particular.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), offset: None }
    }
}

/// Evaluates expressions. The same expression on the same data must give the same value or the same error, and cost the same, on
/// every node and in every replay.
///
/// Expressions are somebody else's programs: what they cost is counted as fuel, of which a unit is about one instruction of a
/// processor. An evaluator takes it from what its caller allows, and never takes more.
pub trait Evaluator: Send + Sync {
    /// The one value that the expression gives. An argument that is not there is null.
    ///
    /// # Errors
    /// If it fails, or gives no value, or more than one, or one beyond [`limits::VALUE_DEPTH`] or [`limits::VALUE_BYTES`], or costs
    /// more than `fuel` or than one expression may.
    fn evaluate(
        &self,
        expression: &Expression,
        input: &Value,
        arguments: &Arguments,
        fuel: &mut u64,
    ) -> Result<Value, Error>;

    /// Whether the expression compiles.
    ///
    /// # Errors
    /// Says what is wrong with it, and where; or that compiling it costs too much.
    fn check(&self, expression: &Expression, fuel: &mut u64) -> Result<(), Error>;
}
