//! The ends of executions: those that hosted workers report, and those that nobody reports.
//!
//! A hosted worker writes down how its execution ended before that ends in Temporal. What own workers do, and what is terminated,
//! timed out or deleted in Temporal directly, is found:
//!
//! | who asks Temporal | about what | how often |
//! |---|---|---|
//! | the reconciler | what has closed since its last look, in one query for an organization | every 4 s where own workers are at work, every minute elsewhere |
//! | the reconciler | each execution that runs, a few at a time | every 10 min, for what that query has missed |
//! | a request for one execution that own workers do | that execution | once a second |
//!
//! An organization in which nothing runs costs nothing. Of several nodes, one looks at a time.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use tenantry_domain::{
    Clock, Execution, ExecutionId, ExecutionStatus, OrgScope, Quota, TemporalWorkflowId, chain,
    execution::{Handle, Outcome},
};
use tenantry_storage::{
    Access, Doors as _, Store, Transaction as _,
    executions::{self, End, Look},
    quotas,
};
use tenantry_temporal::{Ending, ExecutionJournal, Recording, ScheduledRun, ScheduledStart, Seen};
use tokio::{task::JoinSet, time::timeout};

use super::{Executions, attended};
use crate::{Error, rate_limits::RateLimits};

/// How long an organization is left alone between two looks.
const OWN_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(4);
const HOSTED_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);
/// How many organizations are looked at together.
const TOGETHER: i64 = 16;
/// Temporal lists what closes when it comes to it, and not in order.
const OUT_OF_ORDER: TimeDelta = TimeDelta::seconds(30);
/// After how long an execution of which nothing was heard is asked for.
const CHECK_AFTER: TimeDelta = TimeDelta::minutes(10);
const CHECKS: i64 = 50;
/// How often requests for one execution make Temporal be asked.
const READ_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(1);
/// How long a request waits for that.
const READ_LIMIT: Duration = Duration::from_secs(1);
/// Why an execution is `terminated` that is not in Temporal.
const GONE: &str =
    "Temporal does not have it any more: it was deleted there, or its history is kept no longer";

impl Executions {
    /// Looks for ends wherever that is due. Answers whether there may be more to do at once.
    pub(crate) async fn find_ends(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.store.platform().await?;
        let due = executions::take_looks(&mut tx, now, OWN_AGAIN_AFTER, HOSTED_AGAIN_AFTER, TOGETHER).await?;
        tx.commit().await?;
        let more = due.len() == usize::try_from(TOGETHER).unwrap_or_default();
        let mut looks = JoinSet::new();
        for look in due {
            let executions = self.clone();
            looks.spawn(async move { executions.find_ends_of(&look).await });
        }
        while let Some(looked) = looks.join_next().await {
            match looked.map_err(|failed| Error::Internal(failed.into())).flatten() {
                Ok(()) => {}
                Err(Error::Unavailable(cause)) => {
                    tracing::warn!(error = chain(cause.as_ref()), "not looking for ends of executions");
                }
                Err(error) => tracing::error!(error = chain(&error), "not looking for ends of executions"),
            }
        }
        Ok(more)
    }

    async fn find_ends_of(&self, look: &Look) -> Result<(), Error> {
        #[expect(clippy::disallowed_methods, reason = "this is the reconciler's work")]
        let scope = OrgScope::for_reconciler(&look.organization);
        let mut tx = self.store.tenant(&scope, Access::Read).await?;
        let unheard = executions::to_check(&mut tx, self.clock.now() - CHECK_AFTER, CHECKS).await?;
        drop(tx);
        self.look_at_all(&scope, unheard).await?;
        let since = look.seen.map(|seen| seen - OUT_OF_ORDER);
        let closed = self.dispatcher.closed_since(&scope, since).await?;
        let workflow_ids: Vec<String> = closed.workflow_ids.into_iter().collect();
        let mut tx = self.store.tenant(&scope, Access::Read).await?;
        let ended = executions::running_among(&mut tx, &workflow_ids).await?;
        drop(tx);
        self.look_at_all(&scope, ended).await?;
        if let Some(seen) = closed.latest {
            let mut tx = self.store.platform().await?;
            executions::looked(&mut tx, look.organization.id, seen).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn look_at_all(&self, scope: &OrgScope, handles: Vec<Handle>) -> Result<(), Error> {
        for handle in handles {
            let looked = self.look(scope, &handle).await;
            attended(handle.id, "the end of an execution is not known", looked)?;
        }
        Ok(())
    }

    /// Asks Temporal where an execution is, and writes it down.
    pub(super) async fn look(&self, scope: &OrgScope, handle: &Handle) -> Result<(), Error> {
        let seen = self.dispatcher.look(scope, handle).await?;
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        match seen {
            Seen::Running { run_id } => executions::mark_checked(&mut tx, handle.id, &run_id, now).await?,
            Seen::Ended { run_id, outcome, at } => {
                let end =
                    End { outcome: &outcome, at: at.unwrap_or(now), run_id: Some(&run_id), tasks: None };
                executions::finish(&mut tx, handle.id, end).await?;
            }
            Seen::Nowhere => {
                let outcome = Outcome::Terminated(GONE.to_owned());
                let end = End { outcome: &outcome, at: now, run_id: None, tasks: None };
                executions::finish(&mut tx, handle.id, end).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Whether the end of an execution may be news: one that reports its end by itself is not asked for.
    pub(super) fn is_worth_a_look(&self, execution: &Execution) -> bool {
        let before = self.clock.now() - READ_AGAIN_AFTER;
        execution.work.is_own()
            && execution.status == ExecutionStatus::Running
            && execution.checked_at.is_none_or(|checked| checked < before)
    }

    /// Looks for somebody who waits for the answer. Whether that worked; if not, what is recorded has to do.
    pub(super) async fn look_briefly(&self, scope: &OrgScope, execution: &Execution) -> bool {
        let background = scope.for_background();
        let handle = execution.handle();
        match timeout(READ_LIMIT, self.look(&background, &handle)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(execution = %execution.id, error = chain(&error), "answered as recorded");
                false
            }
            Err(_) => false,
        }
    }
}

/// Writes the begins and the ends of executions to PostgreSQL, for the hosted workers.
pub(crate) struct Journal {
    pub(super) store: Store,
    limits: RateLimits,
    pub(super) clock: Arc<dyn Clock>,
}

impl Journal {
    pub(crate) fn new(store: Store, limits: RateLimits, clock: Arc<dyn Clock>) -> Self {
        Self { store, limits, clock }
    }

    async fn record(
        &self,
        scope: &OrgScope,
        id: ExecutionId,
        workflow_id: &TemporalWorkflowId,
        ending: &Ending,
    ) -> Result<(), Error> {
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        if workflow_id.schedule().is_some() && !executions::is_scheduled_as(&mut tx, id, workflow_id).await? {
            return Ok(());
        }
        let Ending { outcome, tasks, run_id } = ending;
        let (tasks, run_id) = (tasks.as_ref(), run_id.as_deref());
        let end = End { outcome, at: self.clock.now(), run_id, tasks };
        executions::finish(&mut tx, id, end).await?;
        Ok(tx.commit().await?)
    }
}

impl ExecutionJournal for Journal {
    fn activity_limit<'a>(&'a self, scope: &'a OrgScope) -> Recording<'a, u32> {
        Box::pin(async move {
            let mut tx = self.store.tenant(scope, Access::Read).await?;
            let limit = quotas::get(&mut tx).await?.limit(Quota::ConcurrentActivities);
            Ok(self.limits.share_of(limit))
        })
    }

    fn record_start<'a>(&'a self, scope: &'a OrgScope, run: ScheduledRun) -> Recording<'a, ScheduledStart> {
        Box::pin(async move { Ok(self.start(scope, &run).await?) })
    }

    fn record_outcome<'a>(
        &'a self,
        scope: &'a OrgScope,
        execution: ExecutionId,
        workflow_id: TemporalWorkflowId,
        ending: Ending,
    ) -> Recording<'a> {
        Box::pin(async move { Ok(self.record(scope, execution, &workflow_id, &ending).await?) })
    }
}
