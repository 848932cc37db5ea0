//! Evaluates the expressions of one task, within what one call of `advance` may cost.

use serde_json::Value;

use super::arguments::{Facts, TaskFacts};
use crate::{
    ErrorType, WorkflowError,
    expression::{self, Evaluator, Expression},
    limits,
};

/// What is left of what one call of `advance` may cost.
pub(crate) struct Allowance {
    steps: usize,
    bytes: usize,
    fuel: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { steps: limits::STEPS, bytes: limits::STEP_BYTES, fuel: limits::STEP_FUEL }
    }
}

impl Allowance {
    /// Takes the cost of entering a task.
    pub(crate) fn step(&mut self) -> Result<(), WorkflowError> {
        let Some(steps) = self.steps.checked_sub(1) else {
            let detail =
                format!("more than {} tasks ran without one that waits; is this a loop?", limits::STEPS);
            return Err(WorkflowError::new(ErrorType::Runtime, detail));
        };
        self.steps = steps;
        Ok(())
    }

    fn bytes(&mut self, bytes: usize) -> Result<(), WorkflowError> {
        let Some(bytes) = self.bytes.checked_sub(bytes) else {
            let detail =
                format!("more than {} bytes were computed without a task that waits", limits::STEP_BYTES);
            return Err(WorkflowError::new(ErrorType::Runtime, detail));
        };
        self.bytes = bytes;
        Ok(())
    }
}

/// Evaluates expressions with the arguments of one moment.
pub(crate) struct Evaluation<'a> {
    evaluator: &'a dyn Evaluator,
    facts: &'a Facts,
    task: Option<&'a TaskFacts>,
    allowance: &'a mut Allowance,
    /// How large the results are together.
    total: usize,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        evaluator: &'a dyn Evaluator,
        facts: &'a Facts,
        task: Option<&'a TaskFacts>,
        allowance: &'a mut Allowance,
    ) -> Self {
        Self { evaluator, facts, task, allowance, total: 0 }
    }

    /// The value of an expression, with `input` as `.`.
    pub(crate) fn evaluate(
        &mut self,
        expression: &Expression,
        input: &Value,
    ) -> Result<Value, WorkflowError> {
        self.spend(input)?;
        let arguments = self.facts.arguments(expression, self.task);
        let value = self.evaluator.evaluate(expression, input, &arguments, &mut self.allowance.fuel);
        let value = value.map_err(|error| self.failure(error))?;
        self.total += self.spend(&value)?;
        if self.total > limits::VALUE_BYTES {
            let detail = format!("the value has more than {} bytes", limits::VALUE_BYTES);
            return Err(WorkflowError::new(ErrorType::Runtime, detail));
        }
        Ok(value)
    }

    fn failure(&self, error: expression::Error) -> WorkflowError {
        if self.allowance.fuel == 0 {
            let detail = "the expressions took too many steps together, without a task that waits";
            return WorkflowError::new(ErrorType::Runtime, detail);
        }
        WorkflowError::new(ErrorType::Expression, error.message)
    }

    /// Whether a condition holds, as jq sees it: all but `false` and `null` are true.
    pub(crate) fn holds(&mut self, condition: &Expression, input: &Value) -> Result<bool, WorkflowError> {
        self.evaluate(condition, input).map(|value| !matches!(value, Value::Null | Value::Bool(false)))
    }

    /// Takes the cost of a value and gives its size in bytes.
    ///
    /// # Errors
    /// If it is larger or deeper than a value may be, or the allowance is used up.
    pub(crate) fn spend(&mut self, value: &Value) -> Result<usize, WorkflowError> {
        let size = limits::check(value).map_err(|detail| WorkflowError::new(ErrorType::Runtime, detail))?;
        self.allowance.bytes(size).map(|()| size)
    }
}
