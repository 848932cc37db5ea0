//! Drives an organization's namespace and rows to what its status says: made, kept in line with its quotas, erased.
//!
//! | what is due | what is done |
//! |---|---|
//! | an organization that is `provisioning` | its namespace is made usable, then it is `active`; or it is tried again later |
//! | a namespace of that name that is somebody else's, or too many failures | it is `provisioning_failed`, with the reason |
//! | an organization whose retention was changed | its namespace is told |
//! | an organization whose namespace somebody else has changed | it is repaired; or, if it cannot be, the organization is `provisioning_failed` |
//! | an organization that is `deleting` | its namespace is erased, then its rows, then itself |
//!
//! Several are attended to at once, because most of the time goes by in waiting for Temporal's parts to hear of each other; how fast
//! namespaces may be changed, [`Namespaces`] learns. Every step may be done twice, by two nodes or by one that died in between, and
//! the result is the same.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use serde_json::json;
use tenantry_domain::{
    Clock, OrgScope, Organization, OrganizationId, OrganizationStatus as Status,
    audit::{Action, Event, Outcome, Resource, Trail},
    chain,
    repository::OrganizationRepository as _,
};
use tenantry_storage::{
    Doors, Store, Transaction as _, audit, drift, erasure,
    organizations::{self, Due},
    schedules,
};
use tenantry_temporal::{Drift, Namespaces};
use tokio::task::JoinSet;

use crate::Error;

/// How long one attempt may take before another node may make the next.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// The pause after the first failed attempt; it doubles with each, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: TimeDelta = TimeDelta::milliseconds(250);
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// How many failures that are nobody's absence make an organization `provisioning_failed`.
const MOST_ATTEMPTS: u32 = 8;
/// How many organizations one node attends to at once.
const MOST_IN_HAND: usize = 32;
const DAY: Duration = Duration::from_hours(24);

/// Makes and erases what organizations are in Temporal and in PostgreSQL.
#[derive(Clone)]
pub struct Provisioner<D = Store> {
    doors: D,
    namespaces: Namespaces,
    clock: Arc<dyn Clock>,
}

impl<D: Doors> Provisioner<D> {
    /// Over this store and these namespaces.
    pub fn new(doors: D, namespaces: Namespaces, clock: Arc<dyn Clock>) -> Self {
        Self { doors, namespaces, clock }
    }

    /// Attends to every organization that is due, and returns when there is none left.
    pub async fn work(&self) -> Result<(), Error> {
        let mut in_hand = InHand::default();
        loop {
            self.take_up(&mut in_hand).await?;
            if in_hand.is_empty() {
                return Ok(());
            }
            in_hand.one_is_done().await?;
        }
    }

    /// Begins to attend to as many organizations that are due as there is room for.
    pub(crate) async fn take_up(&self, in_hand: &mut InHand) -> Result<(), Error> {
        while in_hand.0.len() < MOST_IN_HAND
            && let Some(due) = self.take().await?
        {
            let provisioner = self.clone();
            in_hand.0.spawn(async move { provisioner.attend(&due).await });
        }
        Ok(())
    }

    async fn attend(&self, due: &Due) -> Result<(), Error> {
        let organization = &due.organization;
        let done = match organization.status {
            Status::Deleting => self.erase(organization).await,
            Status::Provisioning => self.provision(due).await,
            _ => self.settle(due).await,
        };
        match done {
            Err(error) => self.try_again(due, &error).await,
            Ok(()) => Ok(()),
        }
    }

    async fn take(&self) -> Result<Option<Due>, Error> {
        let mut tx = self.doors.platform().await?;
        let due = organizations::take_due(tx.as_mut(), self.clock.now(), LEASE).await?;
        tx.commit().await?;
        Ok(due)
    }

    async fn settle(&self, due: &Due) -> Result<(), Error> {
        use tenantry_temporal::Error as E;
        let Due { organization, drifted, .. } = due;
        match self.namespaces.repair(&scope(organization), retention(due)).await {
            Ok(drifts) => {
                // What was only not yet as an admin wants it was nobody else's doing.
                let repaired = drifts.into_iter().filter(|drift| *drifted || *drift != Drift::Retention);
                self.settled(due, &repaired.collect::<Vec<_>>()).await
            }
            Err(error @ (E::ForeignNamespace { .. } | E::UnusableNamespace { .. })) => {
                tracing::error!(organization = %organization.id, namespace = organization.namespace.as_str(),
                    error = chain(&error), "the organization's namespace cannot be repaired");
                self.give_up(organization, &error.to_string()).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn settled(&self, due: &Due, repaired: &[Drift]) -> Result<(), Error> {
        let (id, now) = (due.organization.id, self.clock.now());
        let mut tx = self.doors.platform().await?;
        organizations::settled(tx.as_mut(), due).await?;
        if repaired.contains(&Drift::Missing) {
            // Temporal's schedules were lost with it.
            schedules::touch_all(tx.as_mut(), id).await?;
        }
        if !repaired.is_empty() {
            let event = Event::done(Action::OrganizationRepair, Resource::Organization(id))
                .with_changes(json!({ "repaired": repaired }));
            audit::record_of_platform(tx.as_mut(), id, &Trail::system(), now, event).await?;
            tracing::warn!(organization = %id, namespace = due.organization.namespace.as_str(), ?repaired,
                "somebody had changed the organization's namespace; it is repaired");
        }
        Ok(tx.commit().await?)
    }

    async fn give_up(&self, organization: &Organization, reason: &str) -> Result<(), Error> {
        if organization.status == Status::Active {
            let action = Action::OrganizationRepair;
            return self.conclude(organization, action, Status::ProvisioningFailed, Some(reason)).await;
        }
        let mut tx = self.doors.platform().await?;
        drift::give_up(tx.as_mut(), organization.id, reason).await?;
        Ok(tx.commit().await?)
    }

    async fn provision(&self, due: &Due) -> Result<(), Error> {
        use tenantry_temporal::Error as E;
        let (organization, action) = (&due.organization, Action::OrganizationProvision);
        let (scope, retention) = (scope(organization), retention(due));
        let made = if due.drifted {
            // It is not made for the first time: another one of its name may not be forgotten yet.
            self.namespaces.repair(&scope, retention).await.map(drop)
        } else {
            self.namespaces.ensure(&scope, retention).await
        };
        match made {
            Ok(()) => self.conclude(organization, action, Status::Active, None).await,
            Err(error @ (E::ForeignNamespace { .. } | E::UnusableNamespace { .. })) => {
                let reason = error.to_string();
                self.conclude(organization, action, Status::ProvisioningFailed, Some(&reason)).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the next attempt off, unless there were so many that somebody must look at it.
    async fn try_again(&self, due: &Due, error: &Error) -> Result<(), Error> {
        let Due { organization, tried, .. } = due;
        tracing::warn!(organization = %organization.id, status = %organization.status, tried,
            error = chain(error), "the reconciler will try again");
        let reason = error.to_string();
        // What is away comes back; everything else would fail for ever.
        let hopeless = *tried >= MOST_ATTEMPTS && !matches!(error, Error::Unavailable(_));
        if hopeless && organization.status == Status::Provisioning {
            let action = Action::OrganizationProvision;
            return self.conclude(organization, action, Status::ProvisioningFailed, Some(&reason)).await;
        }
        let again = self.clock.now() + pause(*tried, organization.id);
        let mut tx = self.doors.platform().await?;
        organizations::postpone(tx.as_mut(), organization.id, &reason, again).await?;
        Ok(tx.commit().await?)
    }

    async fn conclude(
        &self,
        organization: &Organization,
        action: Action,
        to: Status,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        let (id, now) = (organization.id, self.clock.now());
        let mut tx = self.doors.platform().await?;
        let current = tx.lock_organization(id).await?;
        // Somebody may have decided otherwise meanwhile.
        if current.is_none_or(|current| current.status.check_transition(to).is_err()) {
            return Ok(());
        }
        tx.set_organization_status(id, to, reason, now).await?;
        let mut event = Event::done(action, Resource::Organization(id));
        if to == Status::ProvisioningFailed {
            event.outcome = Outcome::Failed;
        }
        audit::record_of_platform(tx.as_mut(), id, &Trail::system(), now, event).await?;
        tx.commit().await?;
        tracing::info!(organization = %id, slug = %organization.slug, status = %to, "{action}");
        Ok(())
    }

    /// Erases an organization: its namespace, which ends its executions and schedules; its rows, a piece at a time; itself. What
    /// is left is a record in the system organization's log that says how much there was.
    async fn erase(&self, organization: &Organization) -> Result<(), Error> {
        self.namespaces.delete(&scope(organization)).await?;
        loop {
            let mut tx = self.doors.platform().await?;
            let more = erasure::erase_piece(tx.as_mut(), organization.id).await?;
            tx.commit().await?;
            if !more {
                break;
            }
        }
        let now = self.clock.now();
        let mut tx = self.doors.platform().await?;
        let system = tx.system_organization().await?;
        if let Some(erased) = erasure::finish(tx.as_mut(), organization.id).await? {
            let resource = Resource::Organization(organization.id);
            let event =
                Event::done(Action::OrganizationErase, resource).with_changes(json!({ "rows": erased }));
            audit::record_of_platform(tx.as_mut(), system.id, &Trail::system(), now, event).await?;
        }
        tx.commit().await?;
        tracing::info!(organization = %organization.id, "erased");
        Ok(())
    }
}

/// What a node is attending to. Dropped, it lets go of it; another attempt follows when the leases are over.
#[derive(Default)]
pub(crate) struct InHand(JoinSet<Result<(), Error>>);

impl InHand {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until it is done with one; for ever, if there is none. May be given up and called again.
    pub(crate) async fn one_is_done(&mut self) -> Result<(), Error> {
        match self.0.join_next().await {
            Some(done) => done.unwrap_or_else(|panicked| Err(Error::Internal(panicked.into()))),
            None => std::future::pending().await,
        }
    }
}

/// For how long the organization's namespace is to keep what has ended.
pub(crate) fn retention(due: &Due) -> Duration {
    DAY * due.retention_days
}

#[expect(clippy::disallowed_methods, reason = "this is the reconciler's work")]
pub(crate) fn scope(organization: &Organization) -> OrgScope {
    OrgScope::for_reconciler(organization)
}

/// The pause before the next attempt: exponential, and up to a quarter shorter by the organization's own random bits, so that
/// those that failed together do not come back together.
fn pause(tried: u32, organization: OrganizationId) -> TimeDelta {
    let pause = FIRST_PAUSE.checked_mul(1 << tried.min(10)).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
    let random = i32::from(organization.uuid().as_bytes()[15]);
    pause - pause * random / (4 * 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_wait_longer_after_each_failure_but_never_long() {
        let id = OrganizationId::generate(tenantry_domain::SystemClock.now());
        let pauses: Vec<_> = (0..40).map(|tried| pause(tried, id)).collect();
        assert!(pauses.is_sorted());
        assert!(pauses[0] <= FIRST_PAUSE && pauses[0] > TimeDelta::zero());
        assert!(pauses[39] <= LONGEST_PAUSE && pauses[39] > LONGEST_PAUSE / 2);
    }
}
