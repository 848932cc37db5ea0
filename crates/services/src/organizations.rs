//! Organizations: made by admins, provisioned and erased by the reconciler.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;
use tenantry_domain::{
    ApiKeyId, Caller, Clock, Invalid, OrgScope, Organization, OrganizationId, OrganizationName,
    OrganizationStatus as Status, Page, PageRequest, Precondition, Quota, Quotas, Slug, UserId,
    audit::{Action, Event, Resource},
    organization::IllegalTransition,
    repository::OrganizationRepository as _,
};
use tenantry_storage::{Access, Doors, Store, Transaction as _, audit, executions, organizations, quotas};
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
pub struct Organizations<D = Store> {
    doors: D,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
}

impl<D: Doors> Organizations<D> {
    /// Over this store; `wake` tells the reconciler that there is something to do.
    pub fn new(doors: D, clock: Arc<dyn Clock>, wake: Arc<Notify>) -> Self {
        Self { doors, clock, wake }
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
        // Apart, so that whoever is at home does not carry the room that a query needs.
        let organization = Box::pin(self.find(target)).await?.ok_or(Error::NotFound("organization"))?;
        caller.scope_of(&organization).ok_or(Error::NotFound("organization"))
    }

    async fn find(&self, target: Target<'_>) -> Result<Option<Organization>, Error> {
        let mut tx = self.doors.platform().await?;
        let organization = match target {
            Target::Own => None,
            Target::Named(name) => match name.parse::<OrganizationId>() {
                Ok(id) => tx.organization(id).await?,
                // PostgreSQL has no text with a NUL in it.
                Err(_) if name.contains('\0') => None,
                Err(_) => tx.organization_by_slug(name).await?,
            },
            Target::OfUser(user) => tx.organization_of_member(user.uuid()).await?,
            Target::OfApiKey(api_key) => tx.organization_of_member(api_key.uuid()).await?,
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
        let mut tx = self.doors.platform_for(&admin.scope(), Access::Write).await?;
        let organization = tx.insert_organization(slug, name, now).await?;
        let event = done(Action::OrganizationCreate, &organization).with_changes(json!({ "slug": slug }));
        audit::record_of_platform(tx.as_mut(), organization.id, &admin.trail(), now, event).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(organization)
    }

    /// Every organization, newest first.
    pub async fn list(&self, page: PageRequest) -> Result<Page<Organization>, Error> {
        let mut tx = self.doors.platform().await?;
        Ok(tx.organizations(page).await?)
    }

    /// The scope's organization.
    pub async fn get(&self, scope: &OrgScope) -> Result<Organization, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        Ok(organizations::own(tx.as_mut()).await?)
    }

    /// Renames the scope's organization.
    ///
    /// # Errors
    /// [`Error::Stale`] unless it is as expected.
    pub async fn rename(
        &self,
        scope: &OrgScope,
        expected: &Precondition,
        name: &OrganizationName,
    ) -> Result<Organization, Error> {
        let now = self.clock.now();
        let mut tx = self.doors.platform_for(scope, Access::Write).await?;
        let before = locked::<D>(&mut tx, scope).await?;
        expected.check(&before)?;
        if before.name != name.as_str() {
            tx.rename_organization(before.id, name, now).await?;
            let event = done(Action::OrganizationUpdate, &before)
                .with_changes(json!({ "name": [before.name, name] }));
            audit::record_of_platform(tx.as_mut(), before.id, scope.trail(), now, event).await?;
        }
        tx.commit().await?;
        self.get(scope).await
    }

    /// Stops an organization: its keys are refused, its executions pause or stop. Nothing is lost.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it is active, and for the system organization.
    pub async fn suspend(&self, scope: &OrgScope, running: Running) -> Result<Organization, Error> {
        let (mut tx, before) = self.govern(scope).await?;
        if running == Running::Cancel {
            executions::request_cancel_of_all(tx.as_mut(), before.id, self.clock.now()).await?;
        }
        let executions = if running == Running::Cancel { "cancel" } else { "pause" };
        let event =
            done(Action::OrganizationSuspend, &before).with_changes(json!({ "executions": executions }));
        self.transition(tx, scope, before, Status::Suspended, event).await
    }

    /// Lets a suspended organization go on where it was.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it is suspended.
    pub async fn resume(&self, scope: &OrgScope) -> Result<Organization, Error> {
        let (tx, before) = self.govern(scope).await?;
        // Another way leads to `active`: the end of provisioning, which nobody can ask for.
        if before.status != Status::Suspended {
            return Err(IllegalTransition { from: before.status, to: Status::Active }.into());
        }
        let event = done(Action::OrganizationResume, &before);
        self.transition(tx, scope, before, Status::Active, event).await
    }

    /// Tries again to make the namespace of an organization for which that had failed.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it has.
    pub async fn retry_provisioning(&self, scope: &OrgScope) -> Result<Organization, Error> {
        let (tx, before) = self.govern(scope).await?;
        let event = done(Action::OrganizationRetry, &before);
        self.transition(tx, scope, before, Status::Provisioning, event).await
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
        let (tx, before) = self.govern(scope).await?;
        let event = done(Action::OrganizationDelete, &before);
        self.transition(tx, scope, before, Status::Deleting, event).await?;
        Ok(())
    }

    /// Takes an organization's life in hand. The system organization's is in nobody's.
    async fn govern(&self, scope: &OrgScope) -> Result<(D::Platform, Organization), Error> {
        let mut tx = self.doors.platform_for(scope, Access::Govern).await?;
        let organization = locked::<D>(&mut tx, scope).await?;
        if organization.slug == Slug::system() {
            return Err(Error::conflict("the system organization cannot be suspended or deleted"));
        }
        Ok((tx, organization))
    }

    async fn transition(
        &self,
        mut tx: D::Platform,
        scope: &OrgScope,
        before: Organization,
        to: Status,
        event: Event,
    ) -> Result<Organization, Error> {
        let now = self.clock.now();
        before.status.check_transition(to)?;
        tx.set_organization_status(before.id, to, None, now).await?;
        audit::record_of_platform(tx.as_mut(), before.id, scope.trail(), now, event).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(Organization { status: to, status_reason: None, updated_at: now, ..before })
    }

    /// What the organization may have.
    pub async fn quotas(&self, scope: &OrgScope) -> Result<Quotas, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        Ok(quotas::get(tx.as_mut()).await?)
    }

    /// Sets some limits; the others stay.
    ///
    /// # Errors
    /// [`Error::Stale`] unless they are as expected.
    pub async fn set_quotas(
        &self,
        scope: &OrgScope,
        expected: &Precondition,
        limits: &[(Quota, u32)],
    ) -> Result<Quotas, Error> {
        let now = self.clock.now();
        let mut tx = self.doors.platform_for(scope, Access::Write).await?;
        let organization = locked::<D>(&mut tx, scope).await?;
        let before = quotas::of(tx.as_mut(), organization.id).await?;
        expected.check(&before)?;
        quotas::set(tx.as_mut(), organization.id, limits).await?;
        let after = quotas::of(tx.as_mut(), organization.id).await?;
        if before.limit(Quota::RetentionDays) != after.limit(Quota::RetentionDays) {
            organizations::unsettle(tx.as_mut(), organization.id, now).await?;
        }
        let changes = limits.iter().map(|&(quota, limit)| (quota.as_str(), [before.limit(quota), limit]));
        let event =
            done(Action::QuotaUpdate, &organization).with_changes(json!(changes.collect::<BTreeMap<_, _>>()));
        audit::record_of_platform(tx.as_mut(), organization.id, scope.trail(), now, event).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(after)
    }

    /// How much of each thing the organization has.
    pub async fn usage(&self, scope: &OrgScope) -> Result<Vec<(Quota, u32)>, Error> {
        let now = self.clock.now();
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        let mut usage = Vec::new();
        for &quota in Quota::ALL {
            usage.push((quota, quotas::used(tx.as_mut(), quota, now).await?));
        }
        Ok(usage)
    }
}

fn done(action: Action, organization: &Organization) -> Event {
    Event::done(action, Resource::Organization(organization.id))
}

/// The scope's organization, held until the transaction ends. One that is being erased does not exist.
async fn locked<D: Doors>(tx: &mut D::Platform, scope: &OrgScope) -> Result<Organization, Error> {
    let organization = tx.lock_organization(scope.organization()).await?;
    let organization = organization.filter(|found| found.status != Status::Deleting);
    organization.ok_or(Error::NotFound("organization"))
}
