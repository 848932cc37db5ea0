//! Organizations: made by admins, provisioned and erased by the reconciler.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;
use tenantry_domain::{
    ApiKeyId, Caller, Clock, Invalid, OrgScope, Organization, OrganizationId, OrganizationName,
    OrganizationStatus as Status, Quota, Quotas, Slug, UserId,
    audit::{Action, Event, Resource},
};
use tenantry_storage::{Page, PageRequest, PlatformTx, Store, audit, executions, organizations, quotas};
use tokio::sync::Notify;

use crate::Error;

/// How a request names the organization that it is about.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Not at all: the caller's own.
    Own,
    /// By its slug or its id.
    Named(&'a str),
    /// By a user of it.
    OfUser(UserId),
    /// By an API key of one of its users.
    OfApiKey(ApiKeyId),
}

/// What becomes of the executions of an organization that is suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Running {
    /// They pause where they are, and go on when it is resumed.
    #[default]
    Pause,
    /// They are asked to stop.
    Cancel,
}

/// Organizations.
#[derive(Clone)]
pub struct Organizations {
    store: Store,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
}

impl Organizations {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>, wake: Arc<Notify>) -> Self {
        Self { store, clock, wake }
    }

    /// Lets a caller into the organization that a request is about: everybody into their own, admins into any. Others find
    /// that it does not exist, without anything being looked up.
    pub async fn enter(&self, caller: &Caller, target: Target<'_>) -> Result<OrgScope, Error> {
        let own = caller.organization();
        let is_own = match target {
            Target::Own => true,
            Target::Named(name) => name == own.slug.as_str() || name == own.id.to_string(),
            // Inside, row-level security decides whether there is such a user or key.
            Target::OfUser(_) | Target::OfApiKey(_) => !caller.is_admin(),
        };
        if is_own {
            return Ok(caller.scope());
        }
        if !caller.is_admin() {
            return Err(Error::NotFound("organization"));
        }
        let organization = self.find(target).await?.ok_or(Error::NotFound("organization"))?;
        caller.scope_of(&organization).ok_or(Error::NotFound("organization"))
    }

    async fn find(&self, target: Target<'_>) -> Result<Option<Organization>, Error> {
        let mut tx = self.store.platform().await?;
        let organization = match target {
            Target::Own => None,
            Target::Named(name) => match name.parse::<OrganizationId>() {
                Ok(id) => organizations::get(&mut tx, id).await?,
                // PostgreSQL has no text with a NUL in it.
                Err(_) if name.contains('\0') => None,
                Err(_) => organizations::get_by_slug(&mut tx, name).await?,
            },
            Target::OfUser(user) => organizations::get_by_member(&mut tx, user.uuid()).await?,
            Target::OfApiKey(api_key) => organizations::get_by_member(&mut tx, api_key.uuid()).await?,
        };
        Ok(organization)
    }

    /// Makes an organization. It is `provisioning` until its namespace is usable.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the slug is taken.
    pub async fn create(
        &self,
        admin: &Caller,
        slug: &Slug,
        name: &OrganizationName,
    ) -> Result<Organization, Error> {
        let now = self.clock.now();
        let mut tx = self.store.platform().await?;
        let organization = organizations::insert(&mut tx, slug, name, now).await?;
        let event = done(Action::OrganizationCreate, &organization).with_changes(json!({ "slug": slug }));
        audit::record_of_platform(&mut tx, organization.id, &admin.trail(), now, event).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(organization)
    }

    /// Every organization, newest first.
    pub async fn list(&self, page: PageRequest) -> Result<Page<Organization>, Error> {
        let mut tx = self.store.platform().await?;
        Ok(organizations::list(&mut tx, page).await?)
    }

    /// The scope's organization.
    pub async fn get(&self, scope: &OrgScope) -> Result<Organization, Error> {
        let mut tx = self.store.tenant(scope).await?;
        Ok(organizations::own(&mut tx).await?)
    }

    /// Renames the scope's organization.
    pub async fn rename(&self, scope: &OrgScope, name: &OrganizationName) -> Result<Organization, Error> {
        let now = self.clock.now();
        let mut tx = self.store.platform().await?;
        let before = locked(&mut tx, scope).await?;
        organizations::rename(&mut tx, before.id, name, now).await?;
        let event =
            done(Action::OrganizationUpdate, &before).with_changes(json!({ "name": [before.name, name] }));
        audit::record_of_platform(&mut tx, before.id, scope.trail(), now, event).await?;
        tx.commit().await?;
        self.get(scope).await
    }

    /// Stops an organization: its keys are refused, its executions pause or stop. Nothing is lost.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it is active, and for the system organization.
    pub async fn suspend(&self, scope: &OrgScope, running: Running) -> Result<Organization, Error> {
        let changes = json!({ "executions": if running == Running::Cancel { "cancel" } else { "pause" } });
        let event = |of: &Organization| done(Action::OrganizationSuspend, of).with_changes(changes);
        if running == Running::Cancel {
            self.check(scope, Status::Suspended).await?;
            let mut tx = self.store.tenant(scope).await?;
            executions::request_cancel(&mut tx, None, self.clock.now()).await?;
            tx.commit().await?;
        }
        self.transition(scope, Status::Suspended, event).await
    }

    /// Lets a suspended organization go on where it was.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it is suspended.
    pub async fn resume(&self, scope: &OrgScope) -> Result<Organization, Error> {
        self.check_from(scope, Status::Suspended, Status::Active).await?;
        self.transition(scope, Status::Active, |of| done(Action::OrganizationResume, of)).await
    }

    /// Tries again to make the namespace of an organization for which that had failed.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it has.
    pub async fn retry_provisioning(&self, scope: &OrgScope) -> Result<Organization, Error> {
        self.transition(scope, Status::Provisioning, |of| done(Action::OrganizationRetry, of)).await
    }

    /// Erases an organization with all it owns. It does not exist any more at once; the erasure follows.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless `confirm` is its slug; [`Error::Conflict`] for the system organization.
    pub async fn delete(&self, scope: &OrgScope, confirm: &str) -> Result<(), Error> {
        if self.get(scope).await?.slug.as_str() != confirm {
            return Err(
                Invalid::new("confirm", "must be the organization's slug: this erases all it owns").into()
            );
        }
        self.transition(scope, Status::Deleting, |of| done(Action::OrganizationDelete, of)).await?;
        Ok(())
    }

    async fn check(&self, scope: &OrgScope, to: Status) -> Result<(), Error> {
        let mut tx = self.store.platform().await?;
        let before = locked(&mut tx, scope).await?;
        refuse_system(&before)?;
        Ok(before.status.check_transition(to)?)
    }

    /// Two statuses lead to `active`; a resumption is only one of the ways.
    async fn check_from(&self, scope: &OrgScope, from: Status, to: Status) -> Result<(), Error> {
        let mut tx = self.store.platform().await?;
        let before = locked(&mut tx, scope).await?;
        if before.status == from {
            return Ok(());
        }
        Err(tenantry_domain::organization::IllegalTransition { from: before.status, to }.into())
    }

    async fn transition(
        &self,
        scope: &OrgScope,
        to: Status,
        event: impl FnOnce(&Organization) -> Event,
    ) -> Result<Organization, Error> {
        let now = self.clock.now();
        let mut tx = self.store.platform().await?;
        let before = locked(&mut tx, scope).await?;
        refuse_system(&before)?;
        before.status.check_transition(to)?;
        organizations::set_status(&mut tx, before.id, to, None, now).await?;
        audit::record_of_platform(&mut tx, before.id, scope.trail(), now, event(&before)).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(Organization { status: to, status_reason: None, updated_at: now, ..before })
    }

    /// What the organization may have.
    pub async fn quotas(&self, scope: &OrgScope) -> Result<Quotas, Error> {
        let mut tx = self.store.tenant(scope).await?;
        Ok(quotas::get(&mut tx).await?)
    }

    /// Sets some limits; the others stay.
    pub async fn set_quotas(&self, scope: &OrgScope, limits: &[(Quota, u32)]) -> Result<Quotas, Error> {
        let now = self.clock.now();
        let before = self.quotas(scope).await?;
        let mut tx = self.store.platform().await?;
        let organization = locked(&mut tx, scope).await?;
        quotas::set(&mut tx, organization.id, limits).await?;
        let changes = limits.iter().map(|&(quota, limit)| (quota.as_str(), [before.limit(quota), limit]));
        let event =
            done(Action::QuotaUpdate, &organization).with_changes(json!(changes.collect::<BTreeMap<_, _>>()));
        audit::record_of_platform(&mut tx, organization.id, scope.trail(), now, event).await?;
        tx.commit().await?;
        self.quotas(scope).await
    }

    /// How much of each thing the organization has.
    pub async fn usage(&self, scope: &OrgScope) -> Result<Vec<(Quota, u32)>, Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope).await?;
        let mut usage = Vec::new();
        for &quota in Quota::ALL {
            usage.push((quota, quotas::used(&mut tx, quota, now).await?));
        }
        Ok(usage)
    }
}

fn done(action: Action, organization: &Organization) -> Event {
    Event::done(action, Resource::Organization(organization.id))
}

fn refuse_system(organization: &Organization) -> Result<(), Error> {
    if organization.slug == Slug::system() {
        return Err(Error::conflict("the system organization cannot be suspended or deleted"));
    }
    Ok(())
}

/// The scope's organization, held until the transaction ends. One that is being erased does not exist.
async fn locked(tx: &mut PlatformTx, scope: &OrgScope) -> Result<Organization, Error> {
    let organization = organizations::lock(tx, scope.organization()).await?;
    let organization = organization.filter(|found| found.status != Status::Deleting);
    organization.ok_or(Error::NotFound("organization"))
}
