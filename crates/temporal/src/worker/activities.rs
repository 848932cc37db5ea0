//! What workflow code may not do itself: call services, and write the end down.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use temporalio_sdk::{
    ApplicationFailure,
    activities::{ActivityContext, ActivityError, activities},
};
use tenantry_domain::{ExecutionId, OrgScope, chain, execution::Outcome};
use tenantry_dsl::{ErrorType, HttpRequest, HttpResponse, WorkflowError, interpreter::TaskState};
use tokio::{
    sync::Semaphore,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{Shared, payload::fits};

/// How often a call in hand says that its worker lives.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3);
/// How long the journal has for one outcome.
const JOURNAL_LIMIT: Duration = Duration::from_secs(8);

const CALL_HTTP: &str = "tenantry.call_http.v1";
const RECORD_OUTCOME: &str = "tenantry.record_outcome.v1";

/// How many outcomes of one organization are written down at the same time: more would only keep others from the database.
const WRITES: usize = 4;

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

/// [`Outcome`], as it travels.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    Completed(Value),
    Failed(Value),
    Canceled,
}

/// What is written down at the end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Report {
    /// The end, and the states of the tasks.
    Whole { ended: Ended, tasks: Vec<TaskState> },
    /// The end alone; earlier versions sent no more.
    Bare(Ended),
}

impl Report {
    fn parts(self) -> (Outcome, Option<Value>) {
        match self {
            Self::Whole { ended, tasks } => (ended.into(), serde_json::to_value(tasks).ok()),
            Self::Bare(ended) => (ended.into(), None),
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

    async fn write_down(&self, execution: ExecutionId, report: Report) -> Result<(), ActivityError> {
        // Nobody closes it.
        let _write = self.writes.acquire().await.ok();
        let (shared, scope) = (Arc::clone(&self.shared), self.scope.clone());
        let (outcome, tasks) = report.parts();
        let write = async move { shared.journal.record_outcome(&scope, execution, outcome, tasks).await };
        let written = AbortOnDropHandle::new(tokio::spawn(write));
        let error = match timeout(JOURNAL_LIMIT, written).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => error,
            Ok(Err(panicked)) => panicked.into(),
            Err(late) => late.into(),
        };
        let organization = self.scope.organization();
        tracing::warn!(%organization, %execution, error = chain(&*error), "an outcome could not be written down; it will be tried again");
        // The cause stays here: the tenant can read what Temporal stores.
        Err(ActivityError::application(ApplicationFailure::new("the outcome could not be written down")))
    }
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

    /// Writes down how the execution ended. The execution is the one whose workflow asks, whatever else it may say.
    #[activity(name = RECORD_OUTCOME)]
    pub(crate) async fn record_outcome(
        self: Arc<Self>,
        context: ActivityContext,
        report: Report,
    ) -> Result<(), ActivityError> {
        let execution = context.info().workflow_id.as_deref().and_then(|id| id.parse().ok());
        let Some(execution) = execution else {
            let failure = ApplicationFailure::non_retryable("this workflow is no execution of Tenantry");
            return Err(ActivityError::application(failure));
        };
        self.write_down(execution, report).await
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
