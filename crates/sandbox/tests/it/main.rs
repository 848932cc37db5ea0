//! What the sandbox promises, from outside.

mod expressions;
mod hostile;

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use tenantry_dsl::{
    expression::{Arguments, Error, Evaluator, Expression},
    limits,
};
use tenantry_sandbox::Sandbox;

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| Sandbox::new().expect("it was built for this machine"));

/// An expression that may use `$context` and `$input`.
fn expression(text: &str) -> Expression {
    Expression::parse(text, &["context", "input"]).expect("an expression within the limits")
}

/// `$context` and nothing else.
fn arguments() -> Arguments {
    Arguments::default().with("context", Arc::new(json!({"n": 7})))
}

/// The value of an expression, with all the fuel it may have.
fn evaluate(text: &str, input: &Value) -> Result<Value, String> {
    let mut fuel = limits::STEP_FUEL;
    let value = SANDBOX.evaluate(&expression(text), input, &arguments(), &mut fuel);
    value.map_err(|error| error.message)
}

/// What is wrong with an expression before it is evaluated.
fn check(expression: &Expression) -> Result<(), Error> {
    SANDBOX.check(expression, &mut limits::STEP_FUEL.clone())
}
