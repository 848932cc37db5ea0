//! Finishes what was begun: it drives Temporal to what PostgreSQL says, on any node, after any crash.
//!
//! | what it finds | what it does |
//! |---|---|
//! | an organization that is `provisioning` and due | makes its namespace usable, then `active`; or tries again later |
//! | a namespace of that name that is somebody else's, or too many failures | `provisioning_failed`, with the reason |
//! | an organization that is `deleting` and due | erases its namespace, then its rows, then itself |
//! | executions that are to stop | tells Temporal |
//! | executions that have not ended | sees that a hosted worker runs for their organization |
//! | executions that are `pending` for a while | hands them to Temporal |
//!
//! Every step may be done twice, by two nodes or by one that died in between, and the result is the same.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::TimeDelta;
use serde_json::json;
use tenantry_domain::{
    Clock, OrgScope, Organization, OrganizationId, OrganizationStatus as Status,
    audit::{Action, Event, Outcome, Resource, Trail},
    chain,
};
use tenantry_storage::{Store, audit, erasure, executions, organizations};
use tenantry_temporal::{Namespaces, WorkerPool};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{Error, executions::Executions};

/// How long the reconciler rests when nobody wakes it.
const PERIOD: Duration = Duration::from_secs(1);
/// How long one attempt may take before another node may make the next.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// The pause after the first failed attempt; it doubles with each, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: TimeDelta = TimeDelta::milliseconds(250);
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// How long Temporal keeps the history of what has ended.
const RETENTION: Duration = Duration::from_hours(7 * 24);
/// How many failures that are nobody's absence make an organization `provisioning_failed`.
const MOST_ATTEMPTS: u32 = 8;
/// How many rounds an organization may be without work before its worker stops.
const IDLE_ROUNDS: u8 = 60;

/// Finishes what was begun.
pub struct Reconciler {
    store: Store,
    namespaces: Namespaces,
    executions: Executions,
    workers: Arc<WorkerPool>,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
    idle: Idle,
}

impl Reconciler {
    pub(crate) fn new(
        store: Store,
        namespaces: Namespaces,
        executions: Executions,
        workers: Arc<WorkerPool>,
        clock: Arc<dyn Clock>,
        wake: Arc<Notify>,
    ) -> Self {
        Self { store, namespaces, executions, workers, clock, wake, idle: Idle::default() }
    }

    /// Works until it is told to stop, then stops the hosted workers.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let round = async {
                report(self.work().await);
                let _ = tokio::time::timeout(PERIOD, self.wake.notified()).await;
            };
            tokio::select! {
                () = round => {}
                () = stop.cancelled() => {}
            }
        }
        self.workers.stop().await;
    }

    /// Whatever is away for the first part is away for the second.
    async fn work(&mut self) -> Result<(), Error> {
        self.reconcile().await?;
        self.attend_executions().await
    }

    async fn reconcile(&self) -> Result<(), Error> {
        while let Some((organization, tried)) =
            organizations::take_unreconciled(&self.store, self.clock.now(), LEASE).await?
        {
            let done = match organization.status {
                Status::Deleting => self.erase(&organization).await,
                _ => self.provision(&organization).await,
            };
            if let Err(error) = done {
                self.try_again(&organization, tried, &error).await?;
            }
        }
        Ok(())
    }

    async fn provision(&self, organization: &Organization) -> Result<(), Error> {
        use tenantry_temporal::Error as E;
        match self.namespaces.ensure(&scope(organization), RETENTION).await {
            Ok(()) => self.settle(organization, Status::Active, None).await,
            Err(error @ E::ForeignNamespace { .. }) => {
                self.settle(organization, Status::ProvisioningFailed, Some(&error.to_string())).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the next attempt off, unless there were so many that somebody must look at it.
    async fn try_again(&self, organization: &Organization, tried: u32, error: &Error) -> Result<(), Error> {
        tracing::warn!(organization = %organization.id, status = %organization.status, tried,
            error = chain(error), "the reconciler will try again");
        let reason = error.to_string();
        // What is away comes back; everything else would fail for ever.
        let hopeless = tried >= MOST_ATTEMPTS && !matches!(error, Error::Unavailable(_));
        if hopeless && organization.status == Status::Provisioning {
            return self.settle(organization, Status::ProvisioningFailed, Some(&reason)).await;
        }
        let again = self.clock.now() + pause(tried, organization.id);
        Ok(organizations::postpone(&self.store, organization.id, &reason, again).await?)
    }

    async fn settle(
        &self,
        organization: &Organization,
        to: Status,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let (id, now) = (organization.id, self.clock.now());
        let mut tx = self.store.platform().await?;
        let current = organizations::lock(&mut tx, id).await?;
        // Somebody may have decided otherwise meanwhile.
        if current.is_none_or(|current| current.status.check_transition(to).is_err()) {
            return Ok(());
        }
        organizations::set_status(&mut tx, id, to, reason, now).await?;
        let mut event = Event::done(Action::OrganizationProvision, Resource::Organization(id));
        if to == Status::ProvisioningFailed {
            event.outcome = Outcome::Failed;
        }
        audit::record_of_platform(&mut tx, id, &Trail::system(), now, event).await?;
        tx.commit().await?;
        tracing::info!(organization = %id, slug = %organization.slug, status = %to, "provisioned");
        Ok(())
    }

    /// Erases an organization: its namespace, which ends its executions; its rows, a piece at a time; itself. What is left is a
    /// record in the system organization's log that says how much there was.
    async fn erase(&self, organization: &Organization) -> Result<(), Error> {
        self.namespaces.delete(&scope(organization)).await?;
        loop {
            let mut tx = self.store.platform().await?;
            let more = erasure::erase_piece(&mut tx, organization.id).await?;
            tx.commit().await?;
            if !more {
                break;
            }
        }
        let now = self.clock.now();
        let mut tx = self.store.platform().await?;
        let system = organizations::system(&mut tx).await?;
        if let Some(erased) = erasure::finish(&mut tx, organization.id).await? {
            let resource = Resource::Organization(organization.id);
            let event =
                Event::done(Action::OrganizationErase, resource).with_changes(json!({ "rows": erased }));
            audit::record_of_platform(&mut tx, system.id, &Trail::system(), now, event).await?;
        }
        tx.commit().await?;
        tracing::info!(organization = %organization.id, "erased");
        Ok(())
    }

    async fn attend_executions(&mut self) -> Result<(), Error> {
        let busy = executions::organizations_with_work(&self.store).await?;
        let recent: Vec<_> = self.idle.still_wanted(busy.iter().map(|one| one.id)).into_iter().collect();
        // The grace of an idle worker is not for an organization that was suspended.
        let mut keep: HashSet<_> =
            organizations::active_among(&self.store, &recent).await?.into_iter().collect();
        keep.extend(busy.iter().map(|organization| organization.id));
        self.workers.retain(|organization| keep.contains(&organization));
        for organization in busy {
            #[expect(
                clippy::disallowed_methods,
                reason = "the worker acts in the organization whose work it does"
            )]
            let scope = OrgScope::for_worker(&organization);
            self.workers.ensure(&scope);
            report(self.executions.resume_cancels(&scope).await);
            if organization.status == Status::Active {
                report(self.executions.resume_pending(&scope).await);
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the reconciler")]
fn scope(organization: &Organization) -> OrgScope {
    OrgScope::for_reconciler(organization)
}

/// A part of the deployment that is away is no surprise; anything else is a fault of ours.
fn report(done: Result<(), Error>) {
    match done {
        Ok(()) => {}
        Err(Error::Unavailable(error)) => {
            tracing::warn!(error = chain(error.as_ref()), "the reconciler waits");
        }
        Err(error) => tracing::error!(error = chain(&error), "the reconciler failed"),
    }
}

/// The pause before the next attempt: exponential, and up to a quarter shorter by the organization's own random bits, so that
/// those that failed together do not come back together.
fn pause(tried: u32, organization: OrganizationId) -> TimeDelta {
    let pause = FIRST_PAUSE.checked_mul(1 << tried.min(10)).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
    let random = i32::from(organization.uuid().as_bytes()[15]);
    pause - pause * random / (4 * 256)
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

    fn organization() -> OrganizationId {
        OrganizationId::generate(tenantry_domain::SystemClock.now())
    }

    #[test]
    fn should_wait_longer_after_each_failure_but_never_long() {
        let id = organization();
        let pauses: Vec<_> = (0..40).map(|tried| pause(tried, id)).collect();
        assert!(pauses.is_sorted());
        assert!(pauses[0] <= FIRST_PAUSE && pauses[0] > TimeDelta::zero());
        assert!(pauses[39] <= LONGEST_PAUSE && pauses[39] > LONGEST_PAUSE / 2);
    }

    #[test]
    fn should_want_a_worker_until_the_organization_was_idle_for_long() {
        let (mut idle, id) = (Idle::default(), organization());
        assert!(idle.still_wanted(std::iter::once(id)).contains(&id));
        for _ in 0..IDLE_ROUNDS {
            assert!(idle.still_wanted(std::iter::empty()).contains(&id));
        }
        assert!(!idle.still_wanted(std::iter::empty()).contains(&id));
    }
}
