//! Evaluates expressions in WebAssembly, where they are bounded in time, memory and stack, and can reach nothing.
//!
//! | bound | how much | beyond it |
//! |---|---|---|
//! | time | [`limits::EXPRESSION_FUEL`], and [`limits::FUEL_PER_BYTE`] for what it is given | "the expression took too many steps" |
//! | memory | [`MEMORY_BYTES`] | "the expression needs more than 128 MiB of memory" |
//! | stack | 1 MiB | "the expression calls itself too deeply" |
//! | what it gives | [`limits::VALUE_BYTES`], [`limits::VALUE_DEPTH`] | said so |
//!
//! Each evaluation has an instance of its own, which begins with the same memory and is then thrown away. So what an expression
//! gives, or which bound it meets, depends on nothing but itself and its data: not on what ran before, or on which node.
//!
//! [`limits::EXPRESSION_FUEL`]: tenantry_dsl::limits::EXPRESSION_FUEL
//! [`limits::FUEL_PER_BYTE`]: tenantry_dsl::limits::FUEL_PER_BYTE
//! [`limits::VALUE_BYTES`]: tenantry_dsl::limits::VALUE_BYTES
//! [`limits::VALUE_DEPTH`]: tenantry_dsl::limits::VALUE_DEPTH

mod engine;
mod guest;
mod turns;
mod values;

use serde_json::Value;
use tenantry_dsl::expression::{Arguments, Error, Evaluator, Expression};

use guest::Guest;
pub use guest::MEMORY_BYTES;

/// The sandbox cannot be had on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox for expressions does not start")]
pub struct Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Evaluates expressions, many at the same time.
#[derive(Debug)]
pub struct Sandbox {
    guest: Guest,
}

impl Sandbox {
    /// A sandbox. To make one takes milliseconds: make one for the process.
    ///
    /// # Errors
    /// If this machine is not one that the program was built for.
    pub fn new() -> Result<Self, Unavailable> {
        let guest = Guest::new().map_err(|error| Unavailable(error.into()))?;
        Ok(Self { guest })
    }
}

impl Evaluator for Sandbox {
    fn evaluate(
        &self,
        expression: &Expression,
        input: &Value,
        arguments: &Arguments,
        fuel: &mut u64,
    ) -> Result<Value, Error> {
        let response = self.guest.evaluate(&values::evaluation(expression, input, arguments), fuel)?;
        values::outcome(&response)?.ok_or_else(values::malformed)
    }

    fn check(&self, expression: &Expression, fuel: &mut u64) -> Result<(), Error> {
        let response = self.guest.check(&values::program(expression).into_bytes(), fuel)?;
        values::outcome(&response).map(drop)
    }
}
