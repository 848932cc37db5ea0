//! Organizations: made by admins, provisioned by the reconciler.

use std::sync::Arc;

use tenantry_domain::{
    ApiKeyId, Caller, Clock, OrgScope, Organization, OrganizationId, OrganizationName, Slug, UserId,
    audit::Action,
};
use tenantry_storage::{Page, PageRequest, Store, audit, organizations};
use tokio::sync::Notify;

use crate::Error;

/// How a request names the organization that it is about.
#[derive(Clone, Debug)]
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
        let action = Action::OrganizationCreate;
        audit::record_of_platform(&mut tx, organization.id, admin.actor(), now, action).await?;
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
}
