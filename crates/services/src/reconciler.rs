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

use tenantry_domain::{OrgScope, Organization, OrganizationStatus as Status, chain};
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
/// How long an organization may be without work before its worker stops. An execution that has just ended here may still have to end in
/// Temporal, and another may come.
const IDLE: Duration = Duration::from_mins(1);

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
        let Self { provisioner, sweep, attendance, housekeeping, wake } = self;
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
}

impl Attendance {
    pub(crate) fn new(
        store: Store,
        executions: Executions,
        schedules: Schedules,
        workers: Arc<WorkerPool>,
    ) -> Self {
        Self { store, executions, schedules, workers }
    }

    /// Goes on until it is dropped.
    async fn attend(&self, woken: &Notify) {
        loop {
            report(self.attend_executions().await);
            let _ = timeout(PERIOD, woken.notified()).await;
        }
    }

    async fn attend_executions(&self) -> Result<(), Error> {
        let busy = executions::organizations_with_work(&self.store).await?;
        let due = self.schedules.due().await?;
        self.dismiss_idle(&busy, &due).await?;
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

    /// Stops the workers of organizations that have had nothing to do for a while, or may do nothing. `busy` and `due` may be older than a
    /// worker that a start has asked for since: that one stays.
    async fn dismiss_idle(&self, busy: &[Busy], due: &[Organization]) -> Result<(), Error> {
        let hosted = busy.iter().filter(|busy| busy.hosted).map(|busy| &busy.organization).chain(due);
        let hosted: HashSet<_> = hosted.map(|organization| organization.id).collect();
        let running = self.workers.organizations();
        let active = organizations::active_among(&self.store, &running).await?;
        // The grace of an idle worker is not for an organization that was suspended.
        let inactive: HashSet<_> = running.into_iter().filter(|id| !active.contains(id)).collect();
        self.workers.retain(|organization, idle| {
            hosted.contains(&organization) || (idle < IDLE && !inactive.contains(&organization))
        });
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
