//! Temporal is brought to the schedules, and hosted workers to what they start.
//!
//! | what is found | what is done |
//! |---|---|
//! | a schedule of which Temporal has another generation | Temporal is told: it works, rests or is deleted; and says when it starts next |
//! | one that starts something within seconds | its organization has a hosted worker |
//! | one that was due | once Temporal has started what was, and all of that is recorded, it is noted when it starts next |
//!
//! Of several nodes, one has a schedule in hand at a time. What was to be started while no node was there, Temporal has started or
//! catches up with, and it waits for a worker: the schedule is due until somebody has seen it recorded.

use std::time::Duration;

use chrono::TimeDelta;
use tenantry_domain::{OrgScope, Organization, ScheduleId, Timestamp, chain};
use tenantry_storage::{
    Access, Doors as _, Transaction as _,
    schedules::{self, Kept, Taken},
};
use tenantry_temporal::scheduler::State;
use tokio::{task::JoinSet, time::timeout};

use super::Schedules;
use crate::Error;

/// For how long nobody else takes what somebody has in hand.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// How long Temporal may take to be told: shorter than the lease.
const LIMIT: Duration = Duration::from_secs(10);
/// The same while somebody waits for the answer.
const REQUEST_LIMIT: Duration = Duration::from_secs(3);
/// How long it may take to say when a schedule starts next, before it is asked again later.
const LOOK_LIMIT: Duration = Duration::from_secs(1);
/// The pause before the next attempt, if Temporal was away, and if it was something else.
const PAUSE: TimeDelta = TimeDelta::seconds(2);
const LONG_PAUSE: TimeDelta = TimeDelta::minutes(1);
/// The pause before the next look at what was due.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(1);
/// So long before a schedule is due its organization has a worker.
const AHEAD: TimeDelta = TimeDelta::seconds(5);
/// For how long what was started may be unrecorded. Longer, it has ended before it could be.
const LATELY: TimeDelta = TimeDelta::hours(1);
/// How many schedules are attended to together.
const TOGETHER: i64 = 16;

impl Schedules {
    /// Tells Temporal of a schedule for somebody who waits. If that does not work now, the reconciler tries again.
    pub(super) async fn apply_now(&self, scope: &OrgScope, id: ScheduleId) {
        let scope = scope.for_background();
        if let Err(error) = self.try_apply_now(&scope, id).await {
            tracing::warn!(organization = %scope.organization(), schedule = %id, error = chain(&error),
                "the reconciler will apply the schedule");
        }
    }

    async fn try_apply_now(&self, scope: &OrgScope, id: ScheduleId) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        let kept = schedules::take(&mut tx, id, now, now + LEASE).await?;
        tx.commit().await?;
        match kept {
            Some(kept) => self.apply(scope, &kept, REQUEST_LIMIT).await,
            None => Ok(()),
        }
    }

    /// Brings Temporal to a schedule that was taken, and writes what came of it.
    async fn apply(&self, scope: &OrgScope, kept: &Kept, limit: Duration) -> Result<(), Error> {
        let told = timeout(limit, self.tell(scope, kept)).await;
        let told = told.unwrap_or_else(|late| Err(Error::Unavailable(late.into())));
        let (id, now) = (kept.schedule.id, self.clock.now());
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        match &told {
            Ok(_) if kept.deleted => schedules::delete_for_good(&mut tx, id).await?,
            Ok(next) => schedules::applied(&mut tx, kept, *next, now).await?,
            Err(Error::Unavailable(_)) => schedules::postpone(&mut tx, id, now + PAUSE).await?,
            Err(_) => schedules::postpone(&mut tx, id, now + LONG_PAUSE).await?,
        }
        tx.commit().await?;
        told.map(drop)
    }

    /// Tells Temporal, and answers when somebody is to look at the schedule next.
    async fn tell(&self, scope: &OrgScope, kept: &Kept) -> Result<Option<Timestamp>, Error> {
        let id = kept.schedule.id;
        if kept.deleted {
            self.scheduler.delete(scope, id).await?;
            return Ok(None);
        }
        if kept.rests() {
            self.scheduler.apply(scope, &kept.schedule, State::Rests).await?;
            // What was due may still be there to be recorded.
            return Ok(kept.schedule.next_run_at);
        }
        self.scheduler.apply(scope, &kept.schedule, State::Works).await?;
        // If it is not known when it starts next, somebody looks again.
        let again = Some(self.clock.now());
        Ok(timeout(LOOK_LIMIT, self.next_run(scope, id, again)).await.unwrap_or(Ok(again)).unwrap_or(again))
    }

    /// When a worker is needed next: at `due`, as long as something was started that nobody has recorded.
    async fn next_run(
        &self,
        scope: &OrgScope,
        id: ScheduleId,
        due: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, Error> {
        let outlook = self.scheduler.look(scope, id).await?;
        let since = self.clock.now() - LATELY;
        let lately = outlook.started.into_iter().filter(|start| start.at.is_some_and(|at| at > since));
        let runs: Vec<_> = lately.map(|start| (start.workflow_id, start.run_id)).collect();
        if runs.is_empty() {
            return Ok(outlook.next);
        }
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        let recorded = schedules::runs_recorded(&mut tx, &runs).await?;
        Ok(if recorded < runs.len() { due } else { outlook.next })
    }

    /// The organizations in which something is started within seconds, or may have been.
    pub(crate) async fn due(&self) -> Result<Vec<Organization>, Error> {
        Ok(schedules::due_organizations(&self.store, self.clock.now() + AHEAD).await?)
    }

    /// Attends to schedules wherever that is due. Answers whether there may be more to do at once.
    pub(crate) async fn keep_up(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.store.platform().await?;
        let unapplied = schedules::take_unapplied(&mut tx, now, LEASE, TOGETHER).await?;
        let due = schedules::take_due(&mut tx, now, LEASE, TOGETHER).await?;
        tx.commit().await?;
        let full = usize::try_from(TOGETHER).unwrap_or_default();
        let more = unapplied.len() == full || due.len() == full;
        let mut tasks = JoinSet::new();
        for taken in unapplied {
            let schedules = self.clone();
            tasks.spawn(async move { schedules.apply_taken(&taken).await });
        }
        for taken in due {
            let schedules = self.clone();
            tasks.spawn(async move { schedules.watch(&taken).await });
        }
        while let Some(done) = tasks.join_next().await {
            match done.map_err(|failed| Error::Internal(failed.into())).flatten() {
                Ok(()) => {}
                Err(Error::Unavailable(cause)) => {
                    tracing::warn!(error = chain(cause.as_ref()), "a schedule waits");
                }
                Err(error) => tracing::error!(error = chain(&error), "a schedule is not attended to"),
            }
        }
        Ok(more)
    }

    async fn apply_taken(&self, taken: &Taken) -> Result<(), Error> {
        let scope = scope(&taken.organization);
        let mut tx = self.store.tenant(&scope, Access::Read).await?;
        let kept = schedules::unapplied(&mut tx, taken.schedule).await?;
        drop(tx);
        match kept {
            Some(kept) => self.apply(&scope, &kept, LIMIT).await,
            None => Ok(()),
        }
    }

    /// Looks what has come of a schedule that was due.
    async fn watch(&self, taken: &Taken) -> Result<(), Error> {
        let (id, scope) = (taken.schedule, scope(&taken.organization));
        let mut tx = self.store.tenant(&scope, Access::Read).await?;
        let Some(schedule) = schedules::get(&mut tx, id).await? else { return Ok(()) };
        drop(tx);
        let next = self.next_run(&scope, id, schedule.next_run_at).await?;
        let mut tx = self.store.tenant(&scope, Access::Write).await?;
        let again_at = self.clock.now() + AGAIN_AFTER;
        schedules::watched(&mut tx, id, schedule.next_run_at, next, again_at).await?;
        Ok(tx.commit().await?)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the reconciler's work")]
fn scope(organization: &Organization) -> OrgScope {
    OrgScope::for_reconciler(organization)
}
