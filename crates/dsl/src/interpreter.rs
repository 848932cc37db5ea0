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
//! | before a task, with the portion of one call used up | | paused |
//! | paused, on `Resumed` | begins another portion | enter that task |
//! | anywhere, on an error | the error is given the task as its instance | failed |
//! | completed or failed, on anything | | the same again |
//!
//! The order within a task is that of the specification's dsl.md, "Data Flow". `$context` begins as the transformed workflow
//! input, as the diagram there has it. A skipped task does not follow its own `then`. `end` inside a `do` ends the workflow at once:
//! the enclosing tasks' `output.as` and `export.as` are not evaluated.
//!
//! While it waits or pauses, all that it knows can be written down ([`Snapshot`]) and taken up again elsewhere.

mod arguments;
mod evaluation;
mod pace;
mod protocol;
mod snapshot;
mod tasks;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::{
    Definition, ErrorType, HttpRequest, WorkflowError,
    document::{ListId, TaskId},
    expression::{Evaluator, Template},
    limits,
    task::{Action, Flow, Task},
};

use arguments::{Facts, TaskFacts};
pub(crate) use evaluation::Evaluation;
use pace::{Allowance, Spent};
pub use pace::{Pace, Pause};
pub use protocol::{Command, CommandId, Event, Outcome, Progress, Start};
pub use snapshot::Snapshot;
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
    pace: Pace,
    spent: Spent,
}

enum State {
    NotStarted,
    Waiting {
        id: CommandId,
        task: Running,
        pending: Pending,
    },
    /// Before this task, with its raw input.
    Paused(TaskId, Arc<Value>),
    Ended(Progress),
}

/// What a command's outcome is for.
enum Pending {
    Http(HttpRequest),
    Timer { until: DateTime<Utc> },
}

/// A task that has been entered.
struct Running {
    id: TaskId,
    entry: EntryId,
    facts: TaskFacts,
}

/// What is to be done next; the states that pass without waiting.
enum Step {
    Enter(TaskId, Arc<Value>),
    Leave(Running, Arc<Value>, Option<Flow>),
    Follow(TaskId, Flow, Arc<Value>),
    End(Arc<Value>),
    Wait(Box<(State, Command)>),
}

impl Interpreter {
    /// An execution that has not begun.
    pub fn new(definition: Definition, evaluator: Arc<dyn Evaluator>, start: Start) -> Self {
        let facts = Facts::new(definition, start);
        Self {
            evaluator,
            facts,
            state: State::NotStarted,
            enclosing: Vec::new(),
            commands: 0,
            tasks: TaskLog::default(),
            pace: Pace::default(),
            spent: Spent::default(),
        }
    }

    /// Goes on at this pace from now on.
    pub fn keep_to(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Takes in what has happened at `now` and goes on until something must be waited for, or for a portion.
    ///
    /// `now` is only shown to expressions, as a task's start. An event that nothing waits for, such as the outcome of a command that
    /// is done already, changes nothing.
    pub fn advance(&mut self, event: Event, now: DateTime<Utc>) -> Progress {
        let mut allowance = Allowance::new(self.pace, self.spent);
        let first = match (std::mem::replace(&mut self.state, State::NotStarted), event) {
            (State::NotStarted, Event::Started) => self.begin(&mut allowance),
            (State::Paused(next, raw_input), Event::Resumed) => Ok(Step::Enter(next, raw_input)),
            (State::Waiting { id, task, pending }, Event::Finished { id: finished, outcome })
                if id == finished =>
            {
                allowance = Allowance::new(self.pace, Spent::default());
                resume(self.facts.definition.document().tasks.task(task.id), task, pending, outcome)
            }
            (State::Ended(progress), _) => return self.end(progress, now),
            (state, _) => {
                self.state = state;
                return Progress::Waiting(Vec::new());
            }
        };
        let progress = first.and_then(|step| self.run(step, now, &mut allowance));
        self.spent = allowance.spent();
        match progress {
            Ok(progress @ (Progress::Waiting(_) | Progress::Paused(_))) => progress,
            Ok(progress) => self.end(progress, now),
            Err(error) => self.end(Progress::Failed(error), now),
        }
    }

    /// What it runs.
    pub fn definition(&self) -> &Definition {
        &self.facts.definition
    }

    /// What it was started with.
    pub fn input(&self) -> &Value {
        &self.facts.raw_input
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
            None => raw,
            Some(from) => {
                let input = self.transform(from, &raw, None, allowance);
                Arc::new(input.map_err(|error| error.raised_by("/input/from"))?)
            }
        };
        self.facts.context = Arc::clone(&input);
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
                Step::Enter(id, raw_input) if let Some(pause) = allowance.pause() => {
                    self.state = State::Paused(id, raw_input);
                    return Ok(Progress::Paused(pause));
                }
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
        raw_input: Arc<Value>,
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
            let mut evaluation = self.evaluation(Some(&facts), allowance);
            if !evaluation.holds(condition, &facts.raw_input).map_err(failed)? {
                self.tasks.leave(entry, TaskStatus::Skipped, now);
                return Ok(Step::Follow(id, Flow::Continue, facts.raw_input));
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
        Ok(self.act(task, Running { id, entry, facts }, action, input, now))
    }

    fn act(
        &mut self,
        task: &Task,
        running: Running,
        action: Action,
        input: Arc<Value>,
        now: DateTime<Utc>,
    ) -> Step {
        match action {
            Action::Output(output) => Step::Leave(running, Arc::new(output), None),
            Action::Branch(output, flow) => Step::Leave(running, Arc::new(output), Some(flow)),
            Action::Enter(list) => match self.first(list) {
                None => Step::Leave(running, input, None),
                Some(first) => {
                    self.enclosing.push(running);
                    Step::Enter(first, input)
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
                let pending = Pending::Timer { until: after(now, duration) };
                Step::Wait(Box::new((State::Waiting { id, task: running, pending }, command)))
            }
        }
    }

    fn leave(
        &mut self,
        mut running: Running,
        raw_output: Arc<Value>,
        branch: Option<Flow>,
        now: DateTime<Utc>,
        allowance: &mut Allowance,
    ) -> Result<Step, WorkflowError> {
        let definition = self.facts.definition.clone();
        let task = definition.document().tasks.task(running.id);
        let failed = |error: WorkflowError| error.raised_by(&task.reference);
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
        Ok(Step::Follow(id, branch.unwrap_or(task.then), output))
    }

    fn follow(&mut self, id: TaskId, flow: Flow, output: Arc<Value>) -> Step {
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

    fn complete(&mut self, output: Arc<Value>, allowance: &mut Allowance) -> Result<Progress, WorkflowError> {
        let definition = self.facts.definition.clone();
        let Some(template) = &definition.document().output_as else {
            return Ok(Progress::Completed(Arc::unwrap_or_clone(output)));
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
        (Pending::Http(request), Outcome::Http(response)) => request.output(response).map(Arc::new),
        (Pending::Timer { .. }, Outcome::Elapsed) => Ok(running.facts.input.clone().unwrap_or_default()),
        _ => Err(WorkflowError::new(
            ErrorType::Runtime,
            "the command was answered with an outcome of another kind",
        )),
    });
    let output = output.map_err(|error| error.raised_by(&task.reference))?;
    check(&output, &task.reference)?;
    Ok(Step::Leave(running, output, None))
}

/// When a wait that begins now is over; what is beyond all dates is at the last of them.
fn after(now: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    let duration = TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(duration).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Refuses data from outside that is larger or deeper than a value may be.
fn check(value: &Value, instance: &str) -> Result<(), WorkflowError> {
    let refused = |detail| WorkflowError::new(ErrorType::Validation, detail).raised_by(instance);
    limits::check(value).map(drop).map_err(refused)
}
