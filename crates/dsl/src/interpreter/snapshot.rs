//! What an interpreter knows, written down, so that another can take it up.
//!
//! It holds neither what can be had elsewhere (the definition, what the execution was started with) nor what follows from the rest.
//! Values that several places share are written once. Tasks are named by their references, which mean the same to every version of
//! the interpreter that reads the definition.
//!
//! A change of what is written: another variant of [`Snapshot`], which can be read beside the earlier ones for as long as executions
//! may be under way that wrote those.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Command, CommandId, EntryId, Interpreter, Pace, Pending, Running, Spent, Start, State, TaskLog,
    arguments::{Facts, TaskFacts},
};
use crate::{
    Definition, ErrorType, HttpRequest, WorkflowError, document::TaskId, expression::Evaluator, json::Json,
};

/// What an interpreter knows while it waits or pauses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Snapshot {
    /// The first form.
    V1(Box<Known>),
}

/// The first form of a [`Snapshot`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// What the others name by index: 0 is the raw input, which is not written, 1 the first of these.
    values: Vec<Json>,
    context: usize,
    enclosing: Vec<Task>,
    at: At,
    commands: u32,
    spent: Spent,
    tasks: TaskLog,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Task {
    reference: String,
    entry: EntryId,
    started_at: DateTime<Utc>,
    raw_input: usize,
    input: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum At {
    Called { id: CommandId, task: Task, request: HttpRequest },
    Timed { id: CommandId, task: Task, until: DateTime<Utc> },
    Paused { before: String, raw_input: usize },
}

impl Interpreter {
    /// What it knows, while it waits or pauses; there is nothing to write down before it has begun and after it has ended.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let mut values = Values(vec![Arc::clone(&self.facts.raw_input)]);
        let at = match &self.state {
            State::NotStarted | State::Ended(_) => return None,
            State::Waiting { id, task, pending } => {
                let (id, task) = (*id, self.written(task, &mut values));
                match pending {
                    Pending::Http(request) => At::Called { id, task, request: request.clone() },
                    Pending::Timer { until } => At::Timed { id, task, until: *until },
                }
            }
            State::Paused(before, raw_input) => {
                At::Paused { before: self.reference(*before), raw_input: values.index(raw_input) }
            }
        };
        let context = values.index(&self.facts.context);
        let enclosing = self.enclosing.iter().map(|task| self.written(task, &mut values)).collect();
        let (spent, tasks) = (self.spent, self.tasks.clone());
        let values = values.0.iter().skip(1).map(|value| Json(Value::clone(value))).collect();
        let commands = self.commands;
        Some(Snapshot::V1(Box::new(Known { values, context, enclosing, at, commands, spent, tasks })))
    }

    /// Takes up what another interpreter of the same definition, started with the same, has written down.
    ///
    /// # Errors
    /// If it is of another definition.
    pub fn restore(
        definition: Definition,
        evaluator: Arc<dyn Evaluator>,
        start: Start,
        snapshot: Snapshot,
    ) -> Result<Self, WorkflowError> {
        let Snapshot::V1(known) = snapshot;
        let mut facts = Facts::new(definition, start);
        let values = known.values.into_iter().map(|Json(value)| Arc::new(value));
        let values = Values(std::iter::once(Arc::clone(&facts.raw_input)).chain(values).collect());
        facts.context = values.get(known.context)?;
        let running = |task: &Task| read(&facts.definition, &values, task);
        let enclosing = known.enclosing.iter().map(running).collect::<Result<_, _>>()?;
        let state = match known.at {
            At::Called { id, task, request } => {
                State::Waiting { id, task: running(&task)?, pending: Pending::Http(request) }
            }
            At::Timed { id, task, until } => {
                State::Waiting { id, task: running(&task)?, pending: Pending::Timer { until } }
            }
            At::Paused { before, raw_input } => {
                State::Paused(find(&facts.definition, &before)?, values.get(raw_input)?)
            }
        };
        let (commands, spent, tasks) = (known.commands, known.spent, known.tasks.weighed());
        Ok(Self { evaluator, facts, state, enclosing, commands, tasks, pace: Pace::default(), spent })
    }

    /// The commands that it waits for, as they are to be performed at `now` if nobody does: a timer runs for what is left of it.
    pub fn outstanding(&self, now: DateTime<Utc>) -> Vec<Command> {
        let State::Waiting { id, task, pending } = &self.state else { return Vec::new() };
        let (id, task) = (*id, self.reference(task.id));
        vec![match pending {
            Pending::Http(request) => Command::CallHttp { id, task, request: request.clone() },
            Pending::Timer { until } => {
                Command::StartTimer { id, task, duration: (*until - now).to_std().unwrap_or_default() }
            }
        }]
    }

    fn written(&self, task: &Running, values: &mut Values) -> Task {
        Task {
            reference: self.reference(task.id),
            entry: task.entry,
            started_at: task.facts.started_at,
            raw_input: values.index(&task.facts.raw_input),
            input: task.facts.input.as_ref().map(|input| values.index(input)),
        }
    }

    fn reference(&self, id: TaskId) -> String {
        self.facts.definition.document().tasks.task(id).reference.clone()
    }
}

fn read(definition: &Definition, values: &Values, task: &Task) -> Result<Running, WorkflowError> {
    let id = find(definition, &task.reference)?;
    let mut facts = TaskFacts::new(id, values.get(task.raw_input)?, task.started_at);
    facts.input = task.input.map(|input| values.get(input)).transpose()?;
    Ok(Running { id, entry: task.entry, facts })
}

fn find(definition: &Definition, reference: &str) -> Result<TaskId, WorkflowError> {
    definition.document().tasks.find(reference).ok_or_else(unfit)
}

fn unfit() -> WorkflowError {
    WorkflowError::new(ErrorType::Runtime, "what was written down of the execution is of another definition")
}

/// Values, each once.
struct Values(Vec<Arc<Value>>);

impl Values {
    fn index(&mut self, value: &Arc<Value>) -> usize {
        let known = self.0.iter().position(|known| Arc::ptr_eq(known, value));
        known.unwrap_or_else(|| {
            self.0.push(Arc::clone(value));
            self.0.len() - 1
        })
    }

    fn get(&self, index: usize) -> Result<Arc<Value>, WorkflowError> {
        self.0.get(index).cloned().ok_or_else(unfit)
    }
}
