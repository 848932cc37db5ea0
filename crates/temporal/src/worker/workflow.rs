//! The one workflow type: it runs the interpreter of the definition language as a step machine.
//!
//! The interpreter says what to do outside, Temporal does it and remembers what came of it, and the interpreter goes on
//! from there. After a restart Temporal plays back what it remembers, so everything here must come out the same again: no
//! clock but the workflow's, no order but that of commands and events. A change to what this sends for the same events
//! must be gated with `patched`; `replay.rs` plays back what earlier versions have sent.
//!
//! An execution that has much to do takes its turn with others: after each portion of tasks it pauses for another workflow task. One
//! whose history grows long goes on in a new run.

mod continuation;
#[cfg(test)]
mod replay;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures::{
    FutureExt,
    future::{LocalBoxFuture, select_all},
};
use serde_json::Value;
use temporalio_sdk::{
    ActivityExecutionError, ActivityOptions, ApplicationFailure, ContinueAsNewOptions, LocalActivityOptions,
    WorkflowCancellationToken, WorkflowContext, WorkflowContextView, WorkflowResult, WorkflowTermination,
    workflows::{workflow, workflow_methods},
};
use temporalio_workflow::RetryPolicy;
use tenantry_domain::Timestamp;
use tenantry_dsl::{
    ErrorType, HttpRequest, WorkflowError,
    expression::Evaluator,
    interpreter::{Command, Event, Interpreter, Outcome, Pace, Progress, TaskState},
};

pub(crate) use continuation::{HostedInput, HostedRun};
use continuation::{Named, Program, take_up};

use super::{
    activities::{Activities, Begun, Called, Ended, Report},
    payload::fits,
};
use crate::{
    dispatcher::{TASKS_QUERY, WORKFLOW_TYPE},
    search_attributes,
};

/// A call gives up after half of this.
const CALL_LIMIT: Duration = Duration::from_mins(1);
/// Without a word for so long, the worker is lost and the call is another's.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);
/// A call that takes its workers down with it is not made for ever.
const CALL_ATTEMPTS: u32 = 20;
const RECORD_LIMIT: Duration = Duration::from_secs(10);
const PAUSE_LIMIT: Duration = Duration::from_secs(10);
/// How long the workflow task that finds the end waits for it to be written down. It takes milliseconds; the longer it takes, the likelier
/// it is that the task is done again (ADR 21).
const RECORD_AT_ONCE_LIMIT: Duration = Duration::from_secs(2);
/// Whether the end is written down at once. What has begun to end before that was so is played back without.
const RECORDS_AT_ONCE: &str = "tenantry.records_at_once.v1";
/// Whether the run pauses. What was begun before there were pauses is played back without.
const PAUSES: &str = "tenantry.pauses.v1";

/// An execution of a definition.
#[workflow]
pub(crate) struct HostedWorkflow {
    evaluator: Arc<dyn Evaluator>,
    /// Once it has begun.
    interpreter: Option<Interpreter>,
}

impl HostedWorkflow {
    pub(super) fn new(evaluator: Arc<dyn Evaluator>) -> Self {
        Self { evaluator, interpreter: None }
    }

    fn states(&self) -> Vec<TaskState> {
        self.interpreter.as_ref().map(Interpreter::tasks).unwrap_or_default()
    }
}

#[workflow_methods(factory_only)]
impl HostedWorkflow {
    #[run(name = WORKFLOW_TYPE)]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, run: HostedRun) -> WorkflowResult<Value> {
        let program = match program(ctx, run).await? {
            Ok(program) => program,
            // It is written down already.
            Err(error) => return Err(failure(error).into()),
        };
        let execution = program.execution.clone();
        let ended = match interpret(ctx, program).await {
            Turn::Ended(ended) => bounded(ended),
            Turn::GoesOn(run) => {
                let Err(goes_on) = ctx.continue_as_new(*run, ContinueAsNewOptions::default());
                return Err(goes_on);
            }
        };
        record(ctx, report(ctx, execution, ended.clone())).await?;
        match ended {
            Ended::Completed(output) => Ok(output),
            Ended::Failed(error) => Err(failure(error).into()),
            Ended::Canceled => Err(WorkflowTermination::cancelled()),
        }
    }

    /// What has become of the tasks so far.
    #[query(name = TASKS_QUERY)]
    pub(crate) fn tasks(&self, _context: &WorkflowContextView) -> Vec<TaskState> {
        self.states()
    }
}

/// What to run. What a schedule has started is recorded first, and may have failed with that.
async fn program(
    ctx: &WorkflowContext<HostedWorkflow>,
    run: HostedRun,
) -> Result<Result<Program, Value>, ActivityExecutionError> {
    let input = match run {
        HostedRun::Continues { continued } => return Ok(Ok(continued.into())),
        HostedRun::Begins(input) => input,
    };
    if let HostedInput { workflow, definition: Some(definition), input } = input {
        let (execution, started_at) = (Named::ByWorkflow, now(ctx));
        return Ok(Ok(Program { execution, workflow, definition, input, started_at, state: None }));
    }
    let begun = ctx.execute_activity(Activities::record_start, (), unstoppable()).await?;
    Ok(match begun {
        Begun::Failed(error) => Err(error),
        Begun::Run { execution, workflow, revision, definition, input } => {
            let id = execution.parse().map_err(|_| "no execution id");
            let found_by = id.map(|id| search_attributes::of(id, &workflow, revision));
            if let Ok(Ok(found_by)) = found_by {
                ctx.upsert_search_attributes(found_by);
            }
            let (execution, started_at) = (Named::ByRecord(execution), now(ctx));
            Ok(Program { execution, workflow, definition, input, started_at, state: None })
        }
    })
}

/// What comes after a run.
enum Turn {
    /// Nothing: the execution has ended.
    Ended(Ended),
    /// Another run.
    GoesOn(Box<HostedRun>),
}

/// Runs the definition to its end, or until another run is to go on.
async fn interpret(ctx: &WorkflowContext<HostedWorkflow>, program: Program) -> Turn {
    let (origin, mut progress) = match take_up(ctx, program) {
        Ok(begun) => begun,
        Err(error) => return Turn::Ended(failed(&error)),
    };
    let mut outstanding = Vec::new();
    loop {
        let event = match progress {
            Progress::Completed(output) => return Turn::Ended(Ended::Completed(output)),
            Progress::Failed(error) => return Turn::Ended(failed(&error)),
            Progress::Paused(_) if !ctx.patched(PAUSES) => {
                with(ctx, |interpreter| interpreter.keep_to(Pace::Whole));
                Event::Resumed
            }
            Progress::Paused(pause) => {
                if let Some(run) = origin.next_run_after(ctx, pause) {
                    return Turn::GoesOn(run);
                }
                pass_the_turn(ctx).await;
                Event::Resumed
            }
            Progress::Waiting(commands) => {
                // What is under way would be lost; what is to be begun, the next run begins.
                if outstanding.is_empty()
                    && let Some(run) = origin.next_run(ctx)
                {
                    return Turn::GoesOn(run);
                }
                outstanding.extend(commands.into_iter().map(|command| perform(ctx, command)));
                if outstanding.is_empty() {
                    let error = WorkflowError::new(ErrorType::Runtime, "the execution waits for nothing");
                    return Turn::Ended(failed(&error));
                }
                // The first in order of those that are done: the same on every replay.
                let (finished, _, others) = select_all(outstanding).await;
                outstanding = others;
                finished
            }
        };
        if ctx.cancellation_token().is_cancelled() {
            cancel(ctx);
            return Turn::Ended(Ended::Canceled);
        }
        progress = advance(ctx, event);
    }
}

/// One step. A defect of the interpreter ends the execution; left alone, Temporal would repeat the step for ever.
fn advance(ctx: &WorkflowContext<HostedWorkflow>, event: Event) -> Progress {
    let (now, failed) = (now(ctx), "the interpreter failed; this is a defect");
    ctx.state_mut(|state| {
        let interpreter = state.interpreter.as_mut()?;
        catch_unwind(AssertUnwindSafe(|| interpreter.advance(event, now))).ok()
    })
    .unwrap_or_else(|| Progress::Failed(WorkflowError::new(ErrorType::Runtime, failed)))
}

fn cancel(ctx: &WorkflowContext<HostedWorkflow>) {
    let now = now(ctx);
    with(ctx, |interpreter| interpreter.cancel(now));
}

/// Does something with the interpreter, once it is there.
fn with<T>(ctx: &WorkflowContext<HostedWorkflow>, act: impl FnOnce(&mut Interpreter) -> T) -> Option<T> {
    ctx.state_mut(|state| state.interpreter.as_mut().map(act))
}

/// Starts the command at once, in the order of commands; the future is what comes of it.
fn perform(ctx: &WorkflowContext<HostedWorkflow>, command: Command) -> LocalBoxFuture<'_, Event> {
    match command {
        Command::StartTimer { id, duration, .. } => ctx
            .timer(duration)
            .map(move |_| Event::Finished { id, outcome: Ok(Outcome::Elapsed) })
            .boxed_local(),
        Command::CallHttp { id, request, .. } if !fits(&request) => {
            let error = WorkflowError::new(ErrorType::Communication, "the request is larger than 2 MiB");
            futures::future::ready(Event::Finished { id, outcome: Err(error) }).boxed_local()
        }
        Command::CallHttp { id, request, .. } => call(ctx, request)
            .map(move |called| Event::Finished { id, outcome: called.map(Outcome::Http) })
            .boxed_local(),
    }
}

fn call(
    ctx: &WorkflowContext<HostedWorkflow>,
    request: HttpRequest,
) -> impl Future<Output = Result<tenantry_dsl::HttpResponse, WorkflowError>> {
    let retry = RetryPolicy::builder()
        .maximum_interval(Duration::from_secs(10))
        .maximum_attempts(CALL_ATTEMPTS)
        .build();
    let options = ActivityOptions::with_start_to_close_timeout(CALL_LIMIT)
        .heartbeat_timeout(SILENCE_LIMIT)
        .retry_policy(retry)
        .build();
    ctx.execute_activity(Activities::call_http, request, options).map(|called| match called {
        Ok(Called::Answered(response)) => Ok(response),
        Ok(Called::Failed(error)) => Err(error),
        Err(_) => Err(WorkflowError::new(ErrorType::Runtime, "the call was interrupted too often")),
    })
}

/// Goes on in another workflow task, after those of others. An activity that does nothing is the quickest way to one: a timer takes up to a
/// second, and so does another run.
async fn pass_the_turn(ctx: &WorkflowContext<HostedWorkflow>) {
    let options = ActivityOptions::with_start_to_close_timeout(PAUSE_LIMIT).build();
    // It fails only when the execution is cancelled.
    let _ = ctx.execute_activity(Activities::pause, (), options).await;
}

/// The end, with what became of the tasks if Temporal can hold both.
fn report(ctx: &WorkflowContext<HostedWorkflow>, execution: Named, ended: Ended) -> Report {
    let execution = match execution {
        Named::ByWorkflow => None,
        Named::ByRecord(execution) => Some(execution),
    };
    let report = Report::Whole { execution, ended, tasks: Some(ctx.state(HostedWorkflow::states)) };
    match report {
        Report::Whole { execution, ended, .. } if !fits(&report) => {
            Report::Whole { execution, ended, tasks: None }
        }
        whole => whole,
    }
}

/// Has the end written down: at once, by whoever has found it, which costs Temporal next to nothing; and if that fails, by an activity,
/// which is tried until it succeeds.
async fn record(ctx: &WorkflowContext<HostedWorkflow>, report: Report) -> Result<(), ActivityExecutionError> {
    if ctx.patched(RECORDS_AT_ONCE) {
        let once = RetryPolicy::builder().maximum_attempts(1).build();
        let options = LocalActivityOptions::builder()
            .schedule_to_close_timeout(RECORD_AT_ONCE_LIMIT)
            // The other is forgotten while it waits for its turn.
            .start_to_close_timeout(RECORD_AT_ONCE_LIMIT)
            .retry_policy(once)
            .cancellation_token(WorkflowCancellationToken::new())
            .build();
        let recorded = ctx.execute_local_activity(Activities::record_outcome, report.clone(), options).await;
        if recorded.is_ok() {
            return Ok(());
        }
    }
    ctx.execute_activity(Activities::record_outcome, report, unstoppable()).await
}

/// For what has to be done, however long that takes and whoever cancels meanwhile.
fn unstoppable() -> ActivityOptions {
    let retry = RetryPolicy::builder()
        .initial_interval(Duration::from_millis(500))
        .maximum_interval(Duration::from_secs(10))
        .build();
    ActivityOptions::with_start_to_close_timeout(RECORD_LIMIT)
        .retry_policy(retry)
        .cancellation_token(WorkflowCancellationToken::new())
        .build()
}

/// The end, or the error that it is too large for Temporal to hold.
fn bounded(ended: Ended) -> Ended {
    if fits(&ended) {
        return ended;
    }
    failed(&WorkflowError::new(ErrorType::Runtime, "the output is larger than 2 MiB"))
}

fn failed(error: &WorkflowError) -> Ended {
    Ended::Failed(serde_json::to_value(error).unwrap_or_default())
}

fn failure(error: Value) -> ApplicationFailure {
    let text = |name| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let message =
        text("detail").or_else(|| text("title")).unwrap_or_else(|| "the execution failed".to_owned());
    ApplicationFailure::builder(message)
        .maybe_type_name(text("type"))
        .non_retryable(true)
        .details(error)
        .build()
}

fn now(ctx: &WorkflowContext<HostedWorkflow>) -> Timestamp {
    ctx.workflow_time().map(Timestamp::from).unwrap_or_default()
}
