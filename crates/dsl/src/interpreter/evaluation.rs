//! Evaluates the expressions of one task, within what that may cost.

use serde_json::Value;

use super::{
    arguments::{Facts, TaskFacts},
    pace::Allowance,
};
use crate::{
    ErrorType, WorkflowError,
    expression::{Evaluator, Expression},
    limits,
};

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
        let value =
            self.allowance.burn(|fuel| self.evaluator.evaluate(expression, input, &arguments, fuel))?;
        self.total += self.spend(&value)?;
        if self.total > limits::VALUE_BYTES {
            let detail = format!("the value has more than {} bytes", limits::VALUE_BYTES);
            return Err(WorkflowError::new(ErrorType::Runtime, detail));
        }
        Ok(value)
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
