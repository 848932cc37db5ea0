//! The interpreter: a pure step machine that runs a definition.
//!
//! It is told what happened ([`Event`]) and says what is to be done ([`Command`]); it does nothing itself, knows no clock and has
//! no randomness, so the same events give the same commands. That is what a replay needs.
//!
//! | state | what it does | next |
//! |---|---|---|
//! | not started, on `Started` | workflow `input.from` | enter the first task |
//! | enter a task | `if` on the raw input is false: skipped, its raw input is its output | follow `continue` |
//! | | else `input.from`, then what the task's type does: | |
//! | | · `set` | leave with the data |
//! | | · `switch` | leave with the input, then follow the matching case's `then` |
//! | | · `do` | enter its first task; leave with the input if there is none |
//! | | · `call: http`, `wait` | waiting for the command |
//! | waiting, on `Finished` with an outcome | makes the raw output of it | leave the task |
//! | waiting, on `Finished` with an error | | failed |
//! | leave a task | `output.as`, then `export.as` replaces `$context` | follow its `then` |
//! | follow `continue` | there is a next task in the list | enter it with the output |
//! | follow `exit`, or `continue` after the last | the list belongs to a `do` | leave the `do` with the output |
//! | | the list is the workflow's | follow `end` |
//! | follow a task's name | | enter it with the output |
//! | follow `end` | workflow `output.as` | completed |
//! | anywhere, on an error | the error is given the task as its instance | failed |
//! | completed or failed, on anything | | the same again |
//!
//! The order within a task is that of the specification's dsl.md, "Data Flow". `$context` begins as the transformed workflow
//! input, as the diagram there has it. A skipped task does not follow its own `then`. `end` inside a `do` ends the workflow at once:
//! the enclosing tasks' `output.as` and `export.as` are not evaluated.

mod arguments;
mod evaluation;
mod protocol;
mod tasks;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    Definition, ErrorType, WorkflowError,
    document::{ListId, TaskId},
    expression::{Evaluator, Template},
    limits,
    task::{Action, Flow, Task},
};

use arguments::{Facts, TaskFacts};
use evaluation::Allowance;
pub(crate) use evaluation::Evaluation;
pub use protocol::{Command, CommandId, Event, Outcome, Progress, Start};
use tasks::{EntryId, TaskLog};
pub use tasks::{TaskState, TaskStatus};

/// One execution of a definition.
pub struct Interpreter {
    evaluator: Arc<dyn Evaluator>,
    facts: Facts,
    state: State,
    /// The `do` tasks that have been entered and not left, the outermost first.
    enclosing: Vec<Running>,
    commands: u32,
    tasks: TaskLog,
}

enum State {
    NotStarted,
    Waiting { id: CommandId, task: Running, pending: Pending },
    Ended(Progress),
}

/// What a command's outcome is for.
enum Pending {
    Http(crate::HttpRequest),
    Timer,
}

/// A task that has been entered.
struct Running {
    id: TaskId,
    entry: EntryId,
    facts: TaskFacts,
}

/// What is to be done next; the states that pass without waiting.
enum Step {
    Enter(TaskId, Value),
    Leave(Running, Value, Option<Flow>),
    Follow(TaskId, Flow, Value),
    End(Value),
    Wait(Box<(State, Command)>),
}

impl Interpreter {
    /// An execution that has not begun.
    pub fn new(definition: Definition, evaluator: Arc<dyn Evaluator>, start: Start) -> Self {
        let facts = Facts::new(definition, start);
        let tasks = TaskLog::default();
        Self { evaluator, facts, state: State::NotStarted, enclosing: Vec::new(), commands: 0, tasks }
    }

    /// Takes in what has happened at `now` and goes on until something must be waited for.
    ///
    /// `now` is only shown to expressions, as a task's start. An event that nothing waits for, such as the outcome of a command that
    /// is done already, changes nothing.
    pub fn advance(&mut self, event: Event, now: DateTime<Utc>) -> Progress {
        let mut allowance = Allowance::default();
        let first = match (std::mem::replace(&mut self.state, State::NotStarted), event) {
            (State::NotStarted, Event::Started) => self.begin(&mut allowance),
            (State::Waiting { id, task, pending }, Event::Finished { id: finished, outcome })
                if id == finished =>
            {
                resume(self.facts.definition.document().tasks.task(task.id), task, pending, outcome)
            }
            (State::Ended(progress), _) => return self.end(progress, now),
            (state, _) => {
                self.state = state;
                return Progress::Waiting(Vec::new());
            }
        };
        match first.and_then(|step| self.run(step, now, &mut allowance)) {
            Ok(progress @ Progress::Waiting(_)) => progress,
            Ok(progress) => self.end(progress, now),
            Err(error) => self.end(Progress::Failed(error), now),
        }
    }

    /// What became of the tasks so far, the latest of them, in the order in which they were entered.
    pub fn tasks(&self) -> Vec<TaskState> {
        self.tasks.states().cloned().collect()
    }

    /// Notes that whatever it waits for will not come: the execution was asked to stop.
    pub fn cancel(&mut self, now: DateTime<Utc>) {
        self.tasks.end(TaskStatus::Canceled, None, now);
    }

    fn end(&mut self, progress: Progress, now: DateTime<Utc>) -> Progress {
        self.enclosing.clear();
        if let Progress::Failed(error) = &progress {
            self.tasks.end(TaskStatus::Failed, Some(error), now);
        }
        self.state = State::Ended(progress.clone());
        progress
    }

    fn begin(&mut self, allowance: &mut Allowance) -> Result<Step, WorkflowError> {
        let definition = self.facts.definition.clone();
        let document = definition.document();
        let raw = Arc::clone(&self.facts.raw_input);
        check(&raw, "/input")?;
        let input = match &document.input_from {
            None => Value::clone(&raw),
            Some(from) => {
                self.transform(from, &raw, None, allowance).map_err(|e| e.raised_by("/input/from"))?
            }
        };
        self.facts.context = Arc::new(input.clone());
        Ok(match document.tasks.list(document.root).first() {
            Some(first) => Step::Enter(*first, input),
            None => Step::End(input),
        })
    }

    fn run(
        &mut self,
        mut step: Step,
        now: DateTime<Utc>,
        allowance: &mut Allowance,
    ) -> Result<Progress, WorkflowError> {
        loop {
            step = match step {
                Step::Enter(id, raw_input) => self.enter(id, raw_input, now, allowance)?,
                Step::Leave(task, raw_output, branch) => {
                    self.leave(task, raw_output, branch, now, allowance)?
                }
                Step::Follow(id, flow, output) => self.follow(id, flow, output),
                Step::End(output) => {
                    // `end` inside a `do` leaves that too.
                    self.tasks.end(TaskStatus::Completed, None, now);
                    return self.complete(output, allowance);
                }
                Step::Wait(waiting) => {
                    let (state, command) = *waiting;
                    self.state = state;
                    return Ok(Progress::Waiting(vec![command]));
                }
            }
        }
    }

    fn enter(
        &mut self,
        id: TaskId,
        raw_input: Value,
        now: DateTime<Utc>,
        allowance: &mut Allowance,
    ) -> Result<Step, WorkflowError> {
        let definition = self.facts.definition.clone();
        let task = definition.document().tasks.task(id);
        let failed = |error: WorkflowError| error.raised_by(&task.reference);
        let entry = self.tasks.enter(task, now);
        allowance.step().map_err(failed)?;
        let mut facts = TaskFacts::new(id, raw_input, now);
        if let Some(condition) = &task.condition {
            let raw_input = Arc::clone(&facts.raw_input);
            let mut evaluation = self.evaluation(Some(&facts), allowance);
            if !evaluation.holds(condition, &raw_input).map_err(failed)? {
                self.tasks.leave(entry, TaskStatus::Skipped, now);
                return Ok(Step::Follow(id, Flow::Continue, Value::clone(&raw_input)));
            }
        }
        let input = match &task.input_from {
            None => Arc::clone(&facts.raw_input),
            Some(from) => {
                let raw_input = Arc::clone(&facts.raw_input);
                Arc::new(self.transform(from, &raw_input, Some(&facts), allowance).map_err(failed)?)
            }
        };
        facts.input = Some(Arc::clone(&input));
        let action = task.kind.run(&mut self.evaluation(Some(&facts), allowance), &input).map_err(failed)?;
        Ok(self.act(task, Running { id, entry, facts }, action, &input))
    }

    fn act(&mut self, task: &Task, running: Running, action: Action, input: &Value) -> Step {
        match action {
            Action::Output(output) => Step::Leave(running, output, None),
            Action::Branch(output, flow) => Step::Leave(running, output, Some(flow)),
            Action::Enter(list) => match self.first(list) {
                None => Step::Leave(running, input.clone(), None),
                Some(first) => {
                    self.enclosing.push(running);
                    Step::Enter(first, input.clone())
                }
            },
            Action::Call(request) => {
                let id = self.next_command();
                let command =
                    Command::CallHttp { id, task: task.reference.clone(), request: request.clone() };
                Step::Wait(Box::new((
                    State::Waiting { id, task: running, pending: Pending::Http(request) },
                    command,
                )))
            }
            Action::Sleep(duration) => {
                let id = self.next_command();
                let command = Command::StartTimer { id, task: task.reference.clone(), duration };
                Step::Wait(Box::new((State::Waiting { id, task: running, pending: Pending::Timer }, command)))
            }
        }
    }

    fn leave(
        &mut self,
        mut running: Running,
        raw_output: Value,
        branch: Option<Flow>,
        now: DateTime<Utc>,
        allowance: &mut Allowance,
    ) -> Result<Step, WorkflowError> {
        let definition = self.facts.definition.clone();
        let task = definition.document().tasks.task(running.id);
        let failed = |error: WorkflowError| error.raised_by(&task.reference);
        let raw_output = Arc::new(raw_output);
        running.facts.raw_output = Some(Arc::clone(&raw_output));
        let output = match &task.output_as {
            None => raw_output,
            Some(template) => Arc::new(
                self.transform(template, &raw_output, Some(&running.facts), allowance).map_err(failed)?,
            ),
        };
        running.facts.output = Some(Arc::clone(&output));
        if let Some(template) = &task.export_as {
            let context =
                self.transform(template, &output, Some(&running.facts), allowance).map_err(failed)?;
            self.facts.context = Arc::new(context);
        }
        let id = running.id;
        self.tasks.leave(running.entry, TaskStatus::Completed, now);
        drop(running);
        Ok(Step::Follow(id, branch.unwrap_or(task.then), Arc::unwrap_or_clone(output)))
    }

    fn follow(&mut self, id: TaskId, flow: Flow, output: Value) -> Step {
        let tasks = &self.facts.definition.document().tasks;
        let task = tasks.task(id);
        let next = match flow {
            Flow::Continue => tasks.list(task.list).get(task.index + 1),
            Flow::To(index) => tasks.list(task.list).get(index),
            Flow::Exit => None,
            Flow::End => return Step::End(output),
        };
        match next {
            Some(next) => Step::Enter(*next, output),
            None => match self.enclosing.pop() {
                Some(enclosing) => Step::Leave(enclosing, output, None),
                None => Step::End(output),
            },
        }
    }

    fn complete(&mut self, output: Value, allowance: &mut Allowance) -> Result<Progress, WorkflowError> {
        let definition = self.facts.definition.clone();
        let Some(template) = &definition.document().output_as else {
            return Ok(Progress::Completed(output));
        };
        let output = self.transform(template, &output, None, allowance);
        output.map(Progress::Completed).map_err(|error| error.raised_by("/output/as"))
    }

    fn transform(
        &self,
        template: &Template,
        value: &Value,
        task: Option<&TaskFacts>,
        allowance: &mut Allowance,
    ) -> Result<Value, WorkflowError> {
        template.evaluate(&mut self.evaluation(task, allowance), value)
    }

    fn evaluation<'a>(&'a self, task: Option<&'a TaskFacts>, allowance: &'a mut Allowance) -> Evaluation<'a> {
        Evaluation::new(&*self.evaluator, &self.facts, task, allowance)
    }

    fn first(&self, list: ListId) -> Option<TaskId> {
        self.facts.definition.document().tasks.list(list).first().copied()
    }

    fn next_command(&mut self) -> CommandId {
        let id = CommandId(self.commands);
        self.commands += 1;
        id
    }
}

/// What a command's outcome makes of the task that waited for it.
fn resume(
    task: &Task,
    running: Running,
    pending: Pending,
    outcome: Result<Outcome, WorkflowError>,
) -> Result<Step, WorkflowError> {
    let output = outcome.and_then(|outcome| match (pending, outcome) {
        (Pending::Http(request), Outcome::Http(response)) => request.output(response),
        (Pending::Timer, Outcome::Elapsed) => Ok(running.facts.input.as_deref().cloned().unwrap_or_default()),
        _ => Err(WorkflowError::new(
            ErrorType::Runtime,
            "the command was answered with an outcome of another kind",
        )),
    });
    let output = output.map_err(|error| error.raised_by(&task.reference))?;
    check(&output, &task.reference)?;
    Ok(Step::Leave(running, output, None))
}

/// Refuses data from outside that is larger or deeper than a value may be.
fn check(value: &Value, instance: &str) -> Result<(), WorkflowError> {
    let refused = |detail| WorkflowError::new(ErrorType::Validation, detail).raised_by(instance);
    limits::check(value).map(drop).map_err(refused)
}
