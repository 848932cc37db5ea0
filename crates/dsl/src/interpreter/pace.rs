//! How far an execution may go at once, and how far without waiting for anything.
//!
//! One call of `advance` goes on for a portion and pauses before the next task, so that whoever runs the interpreter can turn to
//! others and Temporal's patience with one step is not used up. What was spent adds up over the pauses: a definition that never
//! waits ends with an error.

use serde::{Deserialize, Serialize};

use crate::{ErrorType, WorkflowError, expression, limits};

/// How an execution is divided into calls of `advance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Each pauses when it has entered so many tasks, or has spent [`limits::PORTION_BYTES`] or [`limits::PORTION_FUEL`].
    Portions(usize),
    /// None pauses: each goes on until something is waited for, within bounds of its own. So it was before there were pauses, and
    /// so what happened then is played back.
    Whole,
}

impl Default for Pace {
    fn default() -> Self {
        Self::Portions(limits::PORTION_TASKS)
    }
}

/// Why an execution pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It has entered as many tasks as it may at once.
    Tasks,
    /// It has cost as much as it may at once. Where that is depends on what evaluates the expressions, so another version of that
    /// may pause elsewhere.
    Cost,
}

/// What was spent since something was last waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spent {
    tasks: usize,
    bytes: usize,
    fuel: u64,
}

impl Pace {
    const fn most(self) -> Spent {
        match self {
            Self::Portions(_) => Spent {
                tasks: limits::UNWAITED_TASKS,
                bytes: limits::UNWAITED_BYTES,
                fuel: limits::UNWAITED_FUEL,
            },
            Self::Whole => Spent { tasks: 10_000, bytes: limits::STEP_BYTES, fuel: limits::STEP_FUEL },
        }
    }
}

/// What is left of what one call of `advance` may cost.
pub(crate) struct Allowance {
    pace: Pace,
    spent: Spent,
    /// What had been spent when the call began.
    before: Spent,
    /// What had been spent when the task was entered.
    before_task: Spent,
}

impl Allowance {
    pub(super) fn new(pace: Pace, spent: Spent) -> Self {
        Self { pace, spent, before: spent, before_task: spent }
    }

    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    /// Whether the portion is used up, and by what.
    pub(super) fn pause(&self) -> Option<Pause> {
        let Pace::Portions(tasks) = self.pace else { return None };
        if self.spent.tasks - self.before.tasks >= tasks {
            return Some(Pause::Tasks);
        }
        let bytes = self.spent.bytes - self.before.bytes;
        let fuel = self.spent.fuel - self.before.fuel;
        (bytes >= limits::PORTION_BYTES || fuel >= limits::PORTION_FUEL).then_some(Pause::Cost)
    }

    /// Takes the cost of entering a task.
    pub(super) fn step(&mut self) -> Result<(), WorkflowError> {
        let most = self.pace.most().tasks;
        if self.spent.tasks >= most {
            let detail = format!("more than {most} tasks ran without one that waits; is this a loop?");
            return Err(WorkflowError::new(ErrorType::Runtime, detail));
        }
        self.spent.tasks += 1;
        self.before_task = self.spent;
        Ok(())
    }

    /// Takes the cost of computing so many bytes.
    pub(super) fn bytes(&mut self, bytes: usize) -> Result<(), WorkflowError> {
        let refused = |most: usize, what: &str| {
            let detail = format!("more than {most} bytes were computed {what}");
            Err(WorkflowError::new(ErrorType::Runtime, detail))
        };
        self.spent.bytes = self.spent.bytes.saturating_add(bytes);
        let most = self.pace.most().bytes;
        if self.spent.bytes > most {
            return refused(most, "without a task that waits");
        }
        if self.spent.bytes - self.before_task.bytes > limits::STEP_BYTES {
            return refused(limits::STEP_BYTES, "by one task");
        }
        Ok(())
    }

    /// Evaluates with the fuel that is left, and takes what that cost.
    pub(super) fn burn<T>(
        &mut self,
        evaluate: impl FnOnce(&mut u64) -> Result<T, expression::Error>,
    ) -> Result<T, WorkflowError> {
        let in_all = self.pace.most().fuel.saturating_sub(self.spent.fuel);
        let by_task = limits::STEP_FUEL.saturating_sub(self.spent.fuel - self.before_task.fuel);
        let granted = in_all.min(by_task);
        let mut left = granted;
        let value = evaluate(&mut left);
        self.spent.fuel += granted - left;
        value.map_err(|error| match left {
            0 if in_all <= by_task => {
                let detail = "the expressions took too many steps together, without a task that waits";
                WorkflowError::new(ErrorType::Runtime, detail)
            }
            0 => WorkflowError::new(
                ErrorType::Runtime,
                "the expressions of one task took too many steps together",
            ),
            _ => WorkflowError::new(ErrorType::Expression, error.message),
        })
    }
}
