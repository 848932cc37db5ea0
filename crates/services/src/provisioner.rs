//! Drives an organization's namespace and rows to what its status says: made, kept in line with its quotas, erased.
//!
//! | what is due | what is done |
//! |---|---|
//! | an organization that is `provisioning` | its namespace is made usable, then it is `active`; or it is tried again later |
//! | a namespace of that name that is somebody else's, or too many failures | it is `provisioning_failed`, with the reason |
//! | an organization whose retention was changed | its namespace is told |
//! | an organization that is `deleting` | its namespace is erased, then its rows, then itself |
//!
//! Every step may be done twice, by two nodes or by one that died in between, and the result is the same.

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
    Doors, Store, Transaction as _, audit, erasure,
    organizations::{self, Due},
};
use tenantry_temporal::Namespaces;

use crate::Error;

/// How long one attempt may take before another node may make the next.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// The pause after the first failed attempt; it doubles with each, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: TimeDelta = TimeDelta::milliseconds(250);
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// How many failures that are nobody's absence make an organization `provisioning_failed`.
const MOST_ATTEMPTS: u32 = 8;
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

    /// Attends to every organization that is due.
    pub async fn work(&self) -> Result<(), Error> {
        while let Some(due) = self.take().await? {
            let organization = &due.organization;
            let done = match organization.status {
                Status::Deleting => self.erase(organization).await,
                Status::Provisioning => self.provision(&due).await,
                _ => self.settle(&due).await,
            };
            if let Err(error) = done {
                self.try_again(&due, &error).await?;
            }
        }
        Ok(())
    }

    async fn take(&self) -> Result<Option<Due>, Error> {
        let mut tx = self.doors.platform().await?;
        let due = organizations::take_due(tx.as_mut(), self.clock.now(), LEASE).await?;
        tx.commit().await?;
        Ok(due)
    }

    async fn ensure(&self, due: &Due) -> Result<(), tenantry_temporal::Error> {
        self.namespaces.ensure(&scope(&due.organization), DAY * due.retention_days).await
    }

    async fn settle(&self, due: &Due) -> Result<(), Error> {
        self.ensure(due).await?;
        let mut tx = self.doors.platform().await?;
        organizations::settled(tx.as_mut(), due).await?;
        Ok(tx.commit().await?)
    }

    async fn provision(&self, due: &Due) -> Result<(), Error> {
        use tenantry_temporal::Error as E;
        let organization = &due.organization;
        match self.ensure(due).await {
            Ok(()) => self.conclude(organization, Status::Active, None).await,
            Err(error @ E::ForeignNamespace { .. }) => {
                self.conclude(organization, Status::ProvisioningFailed, Some(&error.to_string())).await
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
            return self.conclude(organization, Status::ProvisioningFailed, Some(&reason)).await;
        }
        let again = self.clock.now() + pause(*tried, organization.id);
        let mut tx = self.doors.platform().await?;
        organizations::postpone(tx.as_mut(), organization.id, &reason, again).await?;
        Ok(tx.commit().await?)
    }

    async fn conclude(
        &self,
        organization: &Organization,
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
        let mut event = Event::done(Action::OrganizationProvision, Resource::Organization(id));
        if to == Status::ProvisioningFailed {
            event.outcome = Outcome::Failed;
        }
        audit::record_of_platform(tx.as_mut(), id, &Trail::system(), now, event).await?;
        tx.commit().await?;
        tracing::info!(organization = %id, slug = %organization.slug, status = %to, "provisioned");
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

#[expect(clippy::disallowed_methods, reason = "this is the reconciler's work")]
fn scope(organization: &Organization) -> OrgScope {
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
