//! Finishes what was begun: it drives Temporal to what PostgreSQL says, on any node, after any crash.
//!
//! | what it finds | what it does |
//! |---|---|
//! | an organization that is due | see [`Provisioner`] |
//! | an organization whose namespace was not looked at for a while | see [`Sweep`] |
//! | executions that are to stop | tells Temporal |
//! | executions of definitions that have not ended | sees that a hosted worker runs for their organization |
//! | schedules that Temporal does not have as they are, or that are due | see [`crate::schedules`] |
//! | executions that are `pending` for a while | hands them to Temporal |
//! | executions that have ended and nobody said so | writes their ends down, beside all the rest; see [`crate::executions`] |
//!
//! Every step may be done twice, by two nodes or by one that died in between, and the result is the same.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tenantry_domain::{OrgScope, Organization, OrganizationId, OrganizationStatus as Status, chain};
use tenantry_storage::{
    Store,
    executions::{self, Busy},
    organizations,
};
use tenantry_temporal::WorkerPool;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Provisioner, executions::Executions, housekeeping::Housekeeping, provisioner::InHand,
    schedules::Schedules, sweep::Sweep,
};

/// How long the reconciler rests when nobody wakes it.
const PERIOD: Duration = Duration::from_secs(1);
/// How many rounds an organization may be without work before its worker stops.
const IDLE_ROUNDS: u8 = 60;

/// Finishes what was begun.
pub struct Reconciler {
    provisioner: Provisioner,
    sweep: Sweep,
    attendance: Attendance,
    housekeeping: Housekeeping,
    wake: Arc<Notify>,
}

impl Reconciler {
    pub(crate) fn new(
        provisioner: Provisioner,
        sweep: Sweep,
        attendance: Attendance,
        housekeeping: Housekeeping,
        wake: Arc<Notify>,
    ) -> Self {
        Self { provisioner, sweep, attendance, housekeeping, wake }
    }

    /// Works until it is told to stop, then stops the hosted workers. No part waits for another.
    pub async fn run(self, stop: CancellationToken) {
        let Self { provisioner, sweep, mut attendance, housekeeping, wake } = self;
        let woken = Notify::new();
        let (executions, schedules) = (attendance.executions.clone(), attendance.schedules.clone());
        let work = async {
            tokio::select! {
                () = provision(&provisioner, &wake, &woken) => {}
                () = attendance.attend(&woken) => {}
                () = sweep.run() => {}
                () = find_ends(&executions) => {}
                () = keep_schedules(&schedules) => {}
                () = stop.cancelled() => {}
            }
            attendance.workers.stop().await;
        };
        // Long-lived and large: whoever runs it need not carry it.
        tokio::join!(Box::pin(work), Box::pin(housekeeping.run(stop.clone())));
    }
}

/// Attends to organizations that are due, until it is dropped. It alone is woken, and passes that on.
async fn provision(provisioner: &Provisioner, wake: &Notify, woken: &Notify) {
    let mut in_hand = InHand::default();
    loop {
        report(provisioner.take_up(&mut in_hand).await);
        tokio::select! {
            done = in_hand.one_is_done() => report(done),
            () = wake.notified() => woken.notify_one(),
            () = sleep(PERIOD) => {}
        }
    }
}

/// Sees to executions, and to the hosted workers that run them.
pub(crate) struct Attendance {
    store: Store,
    executions: Executions,
    schedules: Schedules,
    workers: Arc<WorkerPool>,
    idle: Idle,
}

impl Attendance {
    pub(crate) fn new(
        store: Store,
        executions: Executions,
        schedules: Schedules,
        workers: Arc<WorkerPool>,
    ) -> Self {
        Self { store, executions, schedules, workers, idle: Idle::default() }
    }

    /// Goes on until it is dropped.
    async fn attend(&mut self, woken: &Notify) {
        loop {
            report(self.attend_executions().await);
            let _ = timeout(PERIOD, woken.notified()).await;
        }
    }

    async fn attend_executions(&mut self) -> Result<(), Error> {
        let busy = executions::organizations_with_work(&self.store).await?;
        let due = self.schedules.due().await?;
        let hosted = busy.iter().filter(|busy| busy.hosted).map(|busy| &busy.organization).chain(&due);
        let hosted = || hosted.clone().map(|organization| organization.id);
        let recent: Vec<_> = self.idle.still_wanted(hosted()).into_iter().collect();
        // The grace of an idle worker is not for an organization that was suspended.
        let mut keep: HashSet<_> =
            organizations::active_among(&self.store, &recent).await?.into_iter().collect();
        keep.extend(hosted());
        self.workers.retain(|organization| keep.contains(&organization));
        for organization in &due {
            self.workers.ensure(&worker(organization));
        }
        for Busy { organization, hosted } in busy {
            let scope = worker(&organization);
            if hosted {
                self.workers.ensure(&scope);
            }
            report(self.executions.resume_cancels(&scope).await);
            if organization.status == Status::Active {
                report(self.executions.resume_pending(&scope).await);
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the worker acts in the organization whose work it does")]
fn worker(organization: &Organization) -> OrgScope {
    OrgScope::for_worker(organization)
}

/// Sees to schedules, until it is dropped.
async fn keep_schedules(schedules: &Schedules) {
    loop {
        let kept = schedules.keep_up().await;
        if !matches!(kept, Ok(true)) {
            report(kept.map(drop));
            sleep(PERIOD).await;
        }
    }
}

/// Looks for ends of executions, until it is dropped.
async fn find_ends(executions: &Executions) {
    loop {
        let found = executions.find_ends().await;
        if !matches!(found, Ok(true)) {
            report(found.map(drop));
            sleep(PERIOD).await;
        }
    }
}

/// A part of the deployment that is away is no surprise; anything else is a fault of ours.
pub(crate) fn report(done: Result<(), Error>) {
    match done {
        Ok(()) => {}
        Err(Error::Unavailable(error)) => {
            tracing::warn!(error = chain(error.as_ref()), "the reconciler waits");
        }
        Err(error) => tracing::error!(error = chain(&error), "the reconciler failed"),
    }
}

/// Remembers for how many rounds each organization was without work.
#[derive(Debug, Default)]
struct Idle(std::collections::HashMap<OrganizationId, u8>);

impl Idle {
    /// A round has passed in which these were busy. Answers which organizations may keep their workers.
    fn still_wanted(&mut self, busy: impl Iterator<Item = OrganizationId>) -> HashSet<OrganizationId> {
        for rounds in self.0.values_mut() {
            *rounds += 1;
        }
        self.0.extend(busy.map(|organization| (organization, 0)));
        self.0.retain(|_, rounds| *rounds <= IDLE_ROUNDS);
        self.0.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_want_a_worker_until_the_organization_was_idle_for_long() {
        let (mut idle, id) = (
            Idle::default(),
            OrganizationId::generate(tenantry_domain::Clock::now(&tenantry_domain::SystemClock)),
        );
        assert!(idle.still_wanted(std::iter::once(id)).contains(&id));
        for _ in 0..IDLE_ROUNDS {
            assert!(idle.still_wanted(std::iter::empty()).contains(&id));
        }
        assert!(!idle.still_wanted(std::iter::empty()).contains(&id));
    }
}
