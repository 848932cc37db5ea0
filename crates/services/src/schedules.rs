//! Schedules: recorded first, then Temporal is brought to them.
//!
//! | what is asked | what happens |
//! |---|---|
//! | to make, change, pause, resume or delete one | it is written, with its audit entry; then Temporal is told, now or by the reconciler (see `upkeep`) |
//! | to read some | what is written is answered; when they start next, Temporal says, if it is there |
//! | to trigger or backfill one | that is recorded; then Temporal does it at once, or it has failed |
//!
//! What a schedule starts, the hosted worker records as an execution: see [`crate::executions`].

mod upkeep;

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tenantry_domain::{
    Clock, Invalid, OrgScope, OrganizationStatus, Page, PageRequest, Precondition, Quota, Schedule,
    ScheduleId, Timestamp, WorkflowName,
    audit::{Action, Event, Outcome, Resource},
    chain,
    schedule::{CatchupWindow, Jitter, Overlap, ScheduleNote, ScheduleSpec},
};
use tenantry_storage::{
    Access, Doors as _, Store, Transaction as _, audit, quotas,
    schedules::{self, NewSchedule},
};
use tenantry_temporal::{Scheduler, WorkerPool, scheduler::MOST_MOMENTS};
use tokio::time::timeout;

pub use tenantry_storage::schedules::Changes;
pub use tenantry_temporal::scheduler::Backfill;

use crate::{
    Error,
    executions::{admit_to, checked_input},
};

/// How many of the next starts a schedule is shown with.
const SHOWN: usize = 5;
/// How long a reader waits for them.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// Schedules.
#[derive(Clone)]
pub struct Schedules {
    store: Store,
    scheduler: Scheduler,
    workers: Arc<WorkerPool>,
    clock: Arc<dyn Clock>,
}

/// A schedule to make.
#[derive(Clone, Debug)]
pub struct New {
    /// The workflow that it starts.
    pub workflow: WorkflowName,
    /// What each execution is started with; an empty object if nothing is said.
    pub input: Option<Value>,
    /// When it starts.
    pub spec: ScheduleSpec,
    /// What happens when the execution before has not ended.
    pub overlap: Overlap,
    /// By how much each start may be late.
    pub jitter: Jitter,
    /// How late a start may be that was missed.
    pub catchup_window: CatchupWindow,
    /// Whether it starts nothing for now.
    pub paused: bool,
    /// What people want to remember of it, if anything.
    pub note: Option<ScheduleNote>,
}

/// A schedule, and when it starts next.
#[derive(Clone, Debug)]
pub struct Found {
    /// The schedule.
    pub schedule: Schedule,
    /// Its next starts, as far as they are asked for; nothing, if they are not known.
    pub next_runs: Option<Vec<Timestamp>>,
}

/// A schedule that was told to make up for a span of time.
#[derive(Clone, Debug)]
pub struct Backfilled {
    /// The schedule.
    pub schedule: Found,
    /// How many starts there are in the span.
    pub starts: usize,
}

impl Schedules {
    pub(crate) fn new(
        store: Store,
        scheduler: Scheduler,
        workers: Arc<WorkerPool>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, scheduler, workers, clock }
    }

    /// Makes a schedule. Once this answers it is as good as made, whatever fails.
    ///
    /// # Errors
    /// [`Error::NotFound`] without such a workflow; [`Error::OrganizationNot`] unless the organization is active.
    pub async fn create(&self, scope: &OrgScope, new: New) -> Result<Found, Error> {
        let now = self.clock.now();
        let input = checked_input(new.input)?;
        let insert = NewSchedule {
            workflow: &new.workflow,
            input: &input,
            spec: &new.spec,
            overlap: new.overlap,
            jitter: new.jitter,
            catchup_window: new.catchup_window,
            paused: new.paused,
            note: new.note.as_ref(),
        };
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        admit_to(&mut tx).await?;
        let made = schedules::insert(&mut tx, insert, now).await?.ok_or(Error::NotFound("workflow"))?;
        // It is counted already.
        quotas::check(&mut tx, Quota::Schedules, now).await??;
        let event = Event::done(Action::ScheduleCreate, Resource::Schedule(made.id))
            .with_changes(json!({ "workflow": made.workflow, "spec": made.spec }));
        audit::record(&mut tx, now, event).await?;
        tx.commit().await?;
        self.apply_now(scope, made.id).await;
        self.get(scope, made.id).await
    }

    /// A schedule, with its next five starts.
    pub async fn get(&self, scope: &OrgScope, id: ScheduleId) -> Result<Found, Error> {
        let schedule = self.recorded(scope, id).await?;
        let next_runs = timeout(READ_LIMIT, self.next_runs(scope, &schedule, SHOWN)).await;
        let next_runs = match next_runs.unwrap_or_else(|late| Err(Error::Unavailable(late.into()))) {
            Ok(next_runs) => Some(next_runs),
            Err(error) => {
                tracing::debug!(schedule = %id, error = chain(&error), "answered without the next starts");
                None
            }
        };
        Ok(Found { schedule, next_runs })
    }

    /// The next starts of a schedule, up to a number.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Temporal is away, or does not have the schedule as it is yet.
    pub async fn upcoming(
        &self,
        scope: &OrgScope,
        id: ScheduleId,
        limit: usize,
    ) -> Result<Vec<Timestamp>, Error> {
        let schedule = self.recorded(scope, id).await?;
        self.next_runs(scope, &schedule, limit).await
    }

    /// The schedules of workflows that the actor can reach, newest first, each with its next start if that is known.
    pub async fn list(&self, scope: &OrgScope, page: PageRequest) -> Result<Page<Found>, Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        let rests = scope.status() != OrganizationStatus::Active;
        Ok(schedules::list(&mut tx, page).await?.map(|schedule| {
            let next = schedule.next_run_at.filter(|next| *next >= now && !schedule.paused && !rests);
            Found { next_runs: Some(next.into_iter().collect()), schedule }
        }))
    }

    async fn recorded(&self, scope: &OrgScope, id: ScheduleId) -> Result<Schedule, Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        schedules::get(&mut tx, id).await?.ok_or(Error::NotFound("schedule"))
    }

    async fn next_runs(
        &self,
        scope: &OrgScope,
        schedule: &Schedule,
        limit: usize,
    ) -> Result<Vec<Timestamp>, Error> {
        if schedule.paused || scope.status() != OrganizationStatus::Active {
            return Ok(Vec::new());
        }
        if !schedule.applied {
            return Err(Error::Unavailable("Temporal does not have the schedule as it is yet".into()));
        }
        let upcoming =
            self.scheduler.upcoming(&scope.for_background(), schedule.id, self.clock.now(), limit).await?;
        // Temporal forgets a schedule that will never be due again.
        Ok(upcoming.unwrap_or_default())
    }

    /// Changes a schedule. What runs already goes on as it was started.
    ///
    /// # Errors
    /// [`Error::Stale`] unless it is as expected.
    pub async fn update(
        &self,
        scope: &OrgScope,
        id: ScheduleId,
        expected: &Precondition,
        changes: Changes,
    ) -> Result<Found, Error> {
        if let Some(input) = &changes.input {
            checked_input(Some(input.clone()))?;
        }
        self.change(scope, id, Action::ScheduleUpdate, expected, &changes).await
    }

    /// Pauses a schedule, with a note if there is something to remember: nothing is started until it is resumed.
    pub async fn pause(
        &self,
        scope: &OrgScope,
        id: ScheduleId,
        note: Option<ScheduleNote>,
    ) -> Result<Found, Error> {
        let changes = Changes { paused: Some(true), note, ..Changes::default() };
        self.change(scope, id, Action::SchedulePause, &Precondition::None, &changes).await
    }

    /// Lets a paused schedule go on, from now on: what it would have started meanwhile is left out.
    pub async fn resume(
        &self,
        scope: &OrgScope,
        id: ScheduleId,
        note: Option<ScheduleNote>,
    ) -> Result<Found, Error> {
        let changes = Changes { paused: Some(false), note, ..Changes::default() };
        self.change(scope, id, Action::ScheduleResume, &Precondition::None, &changes).await
    }

    async fn change(
        &self,
        scope: &OrgScope,
        id: ScheduleId,
        action: Action,
        expected: &Precondition,
        changes: &Changes,
    ) -> Result<Found, Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        schedules::lock(&mut tx, id).await?;
        let before = schedules::get(&mut tx, id).await?.ok_or(Error::NotFound("schedule"))?;
        expected.check(&before)?;
        let after = schedules::update(&mut tx, id, changes, now).await?.ok_or(Error::NotFound("schedule"))?;
        let differences = differences(&before, &after);
        if differences.is_empty() {
            // Nothing is kept of it.
            drop(tx);
            return self.get(scope, id).await;
        }
        let event = Event::done(action, Resource::Schedule(id)).with_changes(differences.into());
        audit::record(&mut tx, now, event).await?;
        tx.commit().await?;
        self.apply_now(scope, id).await;
        self.get(scope, id).await
    }

    /// Deletes a schedule. What it has started goes on.
    pub async fn delete(&self, scope: &OrgScope, id: ScheduleId) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        if !schedules::delete(&mut tx, id, now).await? {
            return Err(Error::NotFound("schedule"));
        }
        audit::record(&mut tx, now, Event::done(Action::ScheduleDelete, Resource::Schedule(id))).await?;
        tx.commit().await?;
        self.apply_now(scope, id).await;
        Ok(())
    }

    /// Has a schedule start something now, also while it is paused. Once this answers, Temporal does.
    ///
    /// # Errors
    /// [`Error::OrganizationNot`] unless the organization is active; [`Error::Unavailable`] when Temporal is away, or does not have
    /// the schedule yet.
    pub async fn trigger(&self, scope: &OrgScope, id: ScheduleId) -> Result<Found, Error> {
        let event = Event::done(Action::ScheduleTrigger, Resource::Schedule(id));
        self.intend(scope, id, event.clone()).await?;
        let done = self.scheduler.trigger(&scope.for_background(), id).await;
        self.settle(scope, event, done).await?;
        self.get(scope, id).await
    }

    /// Has a schedule start what it would have started in a span of time that has passed.
    ///
    /// # Errors
    /// [`Error::Invalid`] when that is more than Temporal does at once; otherwise as [`Self::trigger`].
    pub async fn backfill(
        &self,
        scope: &OrgScope,
        id: ScheduleId,
        backfill: Backfill,
    ) -> Result<Backfilled, Error> {
        let Backfill { from, to, overlap } = backfill;
        if from > to {
            return Err(Invalid::new("end_time", "must not be before start_time").into());
        }
        if to > self.clock.now() {
            return Err(Invalid::new("end_time", "must not be in the future").into());
        }
        self.recorded(scope, id).await?;
        let background = scope.for_background();
        let moments = self.scheduler.moments(&background, id, from, to).await?.unwrap_or_default();
        if moments.len() >= MOST_MOMENTS {
            let rule = format!(
                "must be so near to start_time that there are fewer than {MOST_MOMENTS} starts between"
            );
            return Err(Invalid::new("end_time", rule).into());
        }
        let starts = moments.len();
        let event = Event::done(Action::ScheduleBackfill, Resource::Schedule(id)).with_changes(
            json!({ "start_time": from, "end_time": to, "overlap": overlap, "starts": starts }),
        );
        self.intend(scope, id, event.clone()).await?;
        let done = self.scheduler.backfill(&background, id, backfill).await;
        self.settle(scope, event, done).await?;
        Ok(Backfilled { schedule: self.get(scope, id).await?, starts })
    }

    /// Records what Temporal is about to be told, and sees that there is a worker for what comes of it.
    async fn intend(&self, scope: &OrgScope, id: ScheduleId, event: Event) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        let schedule = schedules::get(&mut tx, id).await?.ok_or(Error::NotFound("schedule"))?;
        admit_to(&mut tx).await?;
        schedules::expect_run(&mut tx, id, now).await?;
        audit::record(&mut tx, now, event).await?;
        tx.commit().await?;
        if !schedule.applied {
            self.apply_now(scope, id).await;
        }
        self.workers.ensure(&scope.for_background());
        Ok(())
    }

    /// Goes on if Temporal has done it, and else records that it has not.
    async fn settle(
        &self,
        scope: &OrgScope,
        event: Event,
        done: Result<bool, tenantry_temporal::Error>,
    ) -> Result<(), Error> {
        if matches!(done, Ok(true)) {
            return Ok(());
        }
        let mut tx = self.store.tenant(scope, Access::Write).await?;
        audit::record(&mut tx, self.clock.now(), Event { outcome: Outcome::Failed, ..event }).await?;
        tx.commit().await?;
        done?;
        Err(Error::Unavailable("Temporal does not have the schedule yet".into()))
    }
}

/// What is not as it was, each before and after. Of an input, which may hold anything, only that it changed.
fn differences(before: &Schedule, after: &Schedule) -> Map<String, Value> {
    let both = [
        ("spec", json!(before.spec), json!(after.spec)),
        ("overlap", json!(before.overlap), json!(after.overlap)),
        ("jitter_seconds", json!(before.jitter.seconds()), json!(after.jitter.seconds())),
        (
            "catchup_window_seconds",
            json!(before.catchup_window.seconds()),
            json!(after.catchup_window.seconds()),
        ),
        ("paused", json!(before.paused), json!(after.paused)),
        ("note", json!(before.note), json!(after.note)),
    ];
    let changed = both.into_iter().filter(|(_, before, after)| before != after);
    let mut changed: Map<_, _> =
        changed.map(|(name, before, after)| (name.to_owned(), json!([before, after]))).collect();
    if before.input != after.input {
        changed.insert("input".to_owned(), json!("changed"));
    }
    changed
}
