//! What the definition language promises, from outside.

mod examples;
mod execution;
mod hostile;
mod tasks;
mod validation;

use std::sync::{Arc, LazyLock};

use serde_json::Value;
use tenantry_dsl::{Definition, Error, Problem};
use tenantry_sandbox::Sandbox;

static SANDBOX: LazyLock<Arc<Sandbox>> =
    LazyLock::new(|| Arc::new(Sandbox::new().expect("it was built for this machine")));

/// What evaluates expressions.
fn sandbox() -> Arc<Sandbox> {
    Arc::clone(&SANDBOX)
}

/// Reads a definition.
fn parse(text: &str) -> Result<Definition, Error> {
    Definition::parse(text, &**SANDBOX)
}

/// A document around some YAML of its `do` and what may follow, indented by no spaces.
fn document(rest: &str) -> String {
    format!("document:\n  dsl: '1.0.3'\n  namespace: test\n  name: test\n  version: 1.0.0\n{rest}")
}

/// The definition of a document that is valid.
fn definition(rest: &str) -> Definition {
    let text = document(rest);
    parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What is wrong with a document.
fn problems(text: &str) -> Vec<Problem> {
    match parse(text) {
        Ok(definition) => panic!("nothing is wrong with {}", definition.json()),
        Err(Error::Malformed(problem)) => vec![problem],
        Err(Error::Invalid(problems)) => problems,
    }
}

/// The problem's code, as users see it.
fn code(problem: &Problem) -> String {
    let json = serde_json::to_value(problem).expect("problems are plain data");
    json.get("code").and_then(Value::as_str).expect("every problem has a code").to_owned()
}
