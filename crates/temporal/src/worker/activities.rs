//! What workflow code may not do itself: call services, and write begin and end down.

use std::{error::Error, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use temporalio_sdk::{
    ApplicationFailure,
    activities::{ActivityContext, ActivityError, activities},
};
use tenantry_domain::{ExecutionId, OrgScope, Revision, TemporalWorkflowId, chain, execution::Outcome};
use tenantry_dsl::{ErrorType, HttpRequest, HttpResponse, WorkflowError, interpreter::TaskState};
use tokio::{
    sync::Semaphore,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{ScheduledRun, ScheduledStart, Shared, journal::Ending, payload::fits};

/// How often a call in hand says that its worker lives.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3);
/// How long the journal has for one outcome.
const JOURNAL_LIMIT: Duration = Duration::from_secs(8);

const CALL_HTTP: &str = "tenantry.call_http.v1";
const RECORD_START: &str = "tenantry.record_start.v1";
const PAUSE: &str = "tenantry.pause.v1";
const RECORD_OUTCOME: &str = "tenantry.record_outcome.v1";
const NO_EXECUTION: &str = "this workflow is no execution of Tenantry";

/// How many starts and ends of one organization are written down at the same time: more would only keep others from the database.
pub(super) const WRITES: usize = 4;

/// The activities of one organization's worker.
pub(crate) struct Activities {
    shared: Arc<Shared>,
    scope: OrgScope,
    writes: Semaphore,
}

/// What came of a call. That it failed is a result too: the definition decides what to do about it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Called {
    Answered(HttpResponse),
    Failed(WorkflowError),
}

/// What became of what a schedule has started.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Begun {
    /// It runs.
    Run { execution: String, workflow: String, revision: Revision, definition: Value, input: Value },
    /// It has failed, and that is written down.
    Failed(Value),
}

/// [`Outcome`], as it travels.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    Completed(Value),
    Failed(Value),
    Canceled,
}

/// What is written down at the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Report {
    /// The end, the states of the tasks if Temporal can hold both, and which execution it is of if that has not its own name.
    Whole {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        execution: Option<String>,
        ended: Ended,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tasks: Option<Vec<TaskState>>,
    },
    /// The end alone; earlier versions sent no more.
    Bare(Ended),
}

impl Report {
    /// The execution, if it is said, and what it ended with.
    fn parts(self) -> (Option<ExecutionId>, Outcome, Option<Value>) {
        match self {
            Self::Whole { execution, ended, tasks } => {
                let execution = execution.and_then(|id| id.parse().ok());
                (execution, ended.into(), tasks.and_then(|tasks| serde_json::to_value(tasks).ok()))
            }
            Self::Bare(ended) => (None, ended.into(), None),
        }
    }
}

impl From<Ended> for Outcome {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Completed(output) => Self::Completed(output),
            Ended::Failed(error) => Self::Failed(error),
            Ended::Canceled => Self::Canceled,
        }
    }
}

impl Activities {
    pub(super) fn new(shared: Arc<Shared>, scope: OrgScope) -> Self {
        Self { shared, scope, writes: Semaphore::new(WRITES) }
    }

    /// What came of a write, within its time.
    async fn written<T, W>(
        &self,
        workflow_id: &TemporalWorkflowId,
        write: impl FnOnce(Arc<Shared>, OrgScope) -> W,
    ) -> Result<T, ActivityError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        // Nobody closes it.
        let _write = self.writes.acquire().await.ok();
        let write = write(Arc::clone(&self.shared), self.scope.clone());
        let written = AbortOnDropHandle::new(tokio::spawn(write));
        let error = match timeout(JOURNAL_LIMIT, written).await {
            Ok(Ok(Ok(written))) => return Ok(written),
            Ok(Ok(Err(error))) => error,
            Ok(Err(panicked)) => panicked.into(),
            Err(late) => late.into(),
        };
        let organization = self.scope.organization();
        tracing::warn!(%organization, %workflow_id, error = chain(&*error), "an execution could not be written down; it will be tried again");
        // The cause stays here: the tenant can read what Temporal stores.
        Err(again("the execution could not be written down"))
    }

    async fn write_start(&self, run: ScheduledRun) -> Result<Begun, ActivityError> {
        let workflow_id = run.workflow_id.clone();
        let write =
            move |shared: Arc<Shared>, scope| async move { shared.journal.record_start(&scope, run).await };
        match self.written(&workflow_id, write).await? {
            ScheduledStart::Run { execution, workflow, revision, definition, input } => {
                let id = execution.to_string();
                let begun = Begun::Run { execution: id, workflow, revision, definition, input };
                if fits(&begun) { Ok(begun) } else { self.too_large(execution, workflow_id).await }
            }
            ScheduledStart::Failed(error) => Ok(Begun::Failed(error)),
            ScheduledStart::Later => Err(again("the organization starts too much at once")),
            ScheduledStart::Gone => Err(never("the schedule does not exist any more")),
        }
    }

    async fn too_large(
        &self,
        execution: ExecutionId,
        workflow_id: TemporalWorkflowId,
    ) -> Result<Begun, ActivityError> {
        let error = WorkflowError::new(ErrorType::Runtime, "definition and input are larger than 2 MiB");
        let error = serde_json::to_value(error).unwrap_or_default();
        let ending = Ending { outcome: Outcome::Failed(error.clone()), tasks: None, run_id: None };
        self.write_outcome(execution, workflow_id, ending).await?;
        Ok(Begun::Failed(error))
    }

    async fn write_outcome(
        &self,
        execution: ExecutionId,
        workflow_id: TemporalWorkflowId,
        ending: Ending,
    ) -> Result<(), ActivityError> {
        let called = workflow_id.clone();
        let write = move |shared: Arc<Shared>, scope| async move {
            shared.journal.record_outcome(&scope, execution, called, ending).await
        };
        self.written(&workflow_id, write).await
    }
}

/// A failure that is tried again.
fn again(why: &'static str) -> ActivityError {
    ActivityError::application(ApplicationFailure::new(why))
}

/// A failure for good.
fn never(why: &'static str) -> ActivityError {
    ActivityError::application(ApplicationFailure::non_retryable(why))
}

/// What the workflow is called that asks.
fn called(context: &ActivityContext) -> Result<TemporalWorkflowId, ActivityError> {
    let id = context.info().workflow_id.clone().map(TemporalWorkflowId::from_storage);
    id.ok_or_else(|| never(NO_EXECUTION))
}

#[activities]
impl Activities {
    /// Makes the call, once, and says every few seconds that it is still at it.
    #[activity(name = CALL_HTTP)]
    pub(crate) async fn call_http(
        self: Arc<Self>,
        context: ActivityContext,
        request: HttpRequest,
    ) -> Result<Called, ActivityError> {
        let shared = Arc::clone(&self.shared);
        let call = tokio::spawn(async move { shared.http.call(&request).await });
        let mut call = AbortOnDropHandle::new(call);
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                called = &mut call => return settle(called),
                () = context.cancelled() => return Err(ActivityError::cancelled()),
                _ = beat.tick() => context.record_heartbeat(()).await?,
            }
        }
    }

    /// Writes down that a schedule has started this workflow, as an execution, and answers what it runs. The schedule is the one that
    /// the workflow's name names.
    #[activity(name = RECORD_START)]
    pub(crate) async fn record_start(
        self: Arc<Self>,
        context: ActivityContext,
    ) -> Result<Begun, ActivityError> {
        let workflow_id = called(&context)?;
        let (schedule, run_id) = (workflow_id.schedule(), context.info().workflow_run_id.clone());
        let Some((schedule, run_id)) = schedule.zip(run_id) else { return Err(never(NO_EXECUTION)) };
        let attempt = context.info().attempt;
        self.write_start(ScheduledRun { schedule, workflow_id, run_id, attempt }).await
    }

    /// Does nothing, so that a workflow goes on in another workflow task.
    #[activity(name = PAUSE)]
    #[expect(clippy::unnecessary_wraps, reason = "activities have this form")]
    pub(crate) fn pause(_context: ActivityContext) -> Result<(), ActivityError> {
        Ok(())
    }

    /// Writes down how the execution ended. The execution is the one whose workflow asks, whatever else it may say: by its name, or, if a
    /// schedule named it, one that was recorded for a run of that name.
    #[activity(name = RECORD_OUTCOME)]
    pub(crate) async fn record_outcome(
        self: Arc<Self>,
        context: ActivityContext,
        report: Report,
    ) -> Result<(), ActivityError> {
        let workflow_id = called(&context)?;
        let (said, outcome, tasks) = report.parts();
        let execution = match workflow_id.schedule() {
            Some(_) => said,
            None => workflow_id.as_str().parse().ok(),
        };
        let execution = execution.ok_or_else(|| never(NO_EXECUTION))?;
        let run_id = context.info().workflow_run_id.clone();
        tokio::select! {
            written = self.write_outcome(execution, workflow_id, Ending { outcome, tasks, run_id }) => written,
            // Whoever waited for it has given up, and has it done again.
            () = context.cancelled() => Err(ActivityError::cancelled()),
        }
    }
}

fn settle(
    called: Result<Result<HttpResponse, WorkflowError>, tokio::task::JoinError>,
) -> Result<Called, ActivityError> {
    match called {
        Ok(Ok(response)) if fits(&response) => Ok(Called::Answered(response)),
        Ok(Ok(_)) => {
            let detail = "the response, as JSON, is larger than 2 MiB";
            Ok(Called::Failed(WorkflowError::new(ErrorType::Communication, detail)))
        }
        Ok(Err(error)) => Ok(Called::Failed(error)),
        Err(join) if join.is_panic() => {
            Ok(Called::Failed(WorkflowError::new(ErrorType::Runtime, "the call could not be made")))
        }
        // The process ends; Temporal gives the call to another worker.
        Err(_) => Err(ActivityError::cancelled()),
    }
}
