//! Looks at the namespace of each active organization now and then, and has it repaired when somebody changed it behind our back.
//!
//! | what is looked at | when |
//! |---|---|
//! | an active organization | every [`EVERY`], each at a time of its own |
//! | an organization on whose namespace a call cast doubt | at once |
//!
//! A look also finds executions that are open in Temporal and nowhere else, and has a hosted worker close them.
//!
//! A look is three cheap calls, and a node takes [`AT_ONCE`] of them a second at most: that many organizations are late, when nobody
//! has looked for long, do not make a burst. What is found is noted, and the [`Provisioner`](crate::Provisioner) does the rest.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use tenantry_domain::{Clock, OrgScope, OrganizationId, chain};
use tenantry_storage::{Doors, Store, Transaction as _, drift, organizations::Due};
use tenantry_temporal::Namespaces;
use tokio::{sync::Notify, time::sleep};

use crate::{
    Error,
    executions::Executions,
    provisioner::{retention, scope},
    reconciler::report,
};

/// How often each organization is looked at.
const EVERY: TimeDelta = TimeDelta::minutes(10);
/// When an organization that could not be looked at is looked at again.
const SOON: TimeDelta = TimeDelta::minutes(1);
/// How many are looked at in each [`PERIOD`] at most.
const AT_ONCE: usize = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// The look at namespaces.
pub(crate) struct Sweep<D = Store> {
    doors: D,
    namespaces: Namespaces,
    executions: Executions,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
}

impl<D: Doors> Sweep<D> {
    /// Over this store and these namespaces; `wake` tells the reconciler that there is something to repair.
    pub(crate) fn new(
        doors: D,
        namespaces: Namespaces,
        executions: Executions,
        clock: Arc<dyn Clock>,
        wake: Arc<Notify>,
    ) -> Self {
        Self { doors, namespaces, executions, clock, wake }
    }

    /// Goes on until it is dropped.
    pub(crate) async fn run(&self) {
        loop {
            for done in [self.note(&self.namespaces.suspects()).await, self.look_at_some().await] {
                // What is away, the other parts of the reconciler say.
                if !matches!(done, Err(Error::Unavailable(_))) {
                    report(done);
                }
            }
            sleep(PERIOD).await;
        }
    }

    async fn look_at_some(&self) -> Result<(), Error> {
        for _ in 0..AT_ONCE {
            let Some(due) = self.take().await? else { break };
            self.look_at(&due).await?;
        }
        Ok(())
    }

    async fn take(&self) -> Result<Option<Due>, Error> {
        let mut tx = self.doors.platform().await?;
        let due = drift::take_turn(tx.as_mut(), self.clock.now(), EVERY).await?;
        tx.commit().await?;
        Ok(due)
    }

    async fn look_at(&self, due: &Due) -> Result<(), Error> {
        use tenantry_temporal::Error as E;
        let organization = &due.organization;
        match self.namespaces.inspect(&scope(organization), retention(due)).await {
            Ok(drifts) if drifts.is_empty() => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the worker acts in the organization whose work it does"
                )]
                let scope = OrgScope::for_worker(organization);
                self.executions.resume_open(&scope).await
            }
            Ok(_) | Err(E::ForeignNamespace { .. } | E::UnusableNamespace { .. }) => {
                self.note(&[organization.id]).await
            }
            Err(error) => {
                tracing::debug!(organization = %organization.id, error = chain(&error), "not looked at");
                self.look_again(organization.id).await?;
                Err(error.into())
            }
        }
    }

    async fn look_again(&self, organization: OrganizationId) -> Result<(), Error> {
        let mut tx = self.doors.platform().await?;
        drift::look_again(tx.as_mut(), organization, self.clock.now() + SOON).await?;
        Ok(tx.commit().await?)
    }

    async fn note(&self, organizations: &[OrganizationId]) -> Result<(), Error> {
        if organizations.is_empty() {
            return Ok(());
        }
        let mut tx = self.doors.platform().await?;
        let noted = drift::note(tx.as_mut(), organizations, self.clock.now()).await?;
        tx.commit().await?;
        if noted > 0 {
            self.wake.notify_one();
        }
        Ok(())
    }
}
