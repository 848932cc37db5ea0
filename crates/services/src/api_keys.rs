//! API keys of an organization's users.

use std::sync::Arc;

use serde_json::json;
use tenantry_domain::{
    ApiKey, ApiKeyId, Clock, Invalid, OrgScope, Page, PageRequest, Permission, Quota, Secret, User, UserId,
    api_key::NewApiKey,
    audit::{Action, Event, Resource},
    repository::ApiKeyRepository as _,
};
use tenantry_storage::{Access, Doors, Store, Transaction as _, audit, quotas};

use crate::{Error, audit::Audit, users};

/// API keys.
#[derive(Clone)]
pub struct ApiKeys<D = Store> {
    doors: D,
    audit: Audit<D>,
    clock: Arc<dyn Clock>,
}

impl<D: Doors> ApiKeys<D> {
    /// Over this store.
    pub fn new(doors: D, audit: Audit<D>, clock: Arc<dyn Clock>) -> Self {
        Self { doors, audit, clock }
    }

    /// Makes a key for a user and answers its secret, which is kept nowhere.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it would have expired already; [`Error::Forbidden`] when its user may do more than the actor.
    pub async fn create(
        &self,
        scope: &OrgScope,
        user: UserId,
        new: &NewApiKey,
    ) -> Result<(ApiKey, Secret), Error> {
        let done = self.try_create(scope, user, new).await;
        self.audit.watch(scope, Action::ApiKeyCreate, Resource::User(user), done).await
    }

    async fn try_create(
        &self,
        scope: &OrgScope,
        user: UserId,
        new: &NewApiKey,
    ) -> Result<(ApiKey, Secret), Error> {
        let now = self.clock.now();
        if new.expires_at.is_some_and(|at| at <= now) {
            return Err(Invalid::new("expires_at", "must be in the future").into());
        }
        let secret = Secret::generate().map_err(|error| Error::Internal(Box::new(error)))?;
        let mut tx = self.doors.tenant(scope, Access::Write).await?;
        let owner = users::find::<D>(&mut tx, scope, user, Permission::WriteUsers).await?;
        check_owner(scope, &owner)?;
        quotas::reserve(tx.as_mut(), Quota::ApiKeys, now).await??;
        let api_key = tx.insert_api_key(owner.id, new, &secret, now).await?;
        let event = Event::done(Action::ApiKeyCreate, Resource::ApiKey(api_key.id))
            .with_changes(json!({ "user_id": owner.id, "expires_at": new.expires_at }));
        audit::record(tx.as_mut(), now, event).await?;
        tx.commit().await?;
        Ok((api_key, secret))
    }

    /// A user's keys, newest first.
    pub async fn list(
        &self,
        scope: &OrgScope,
        user: UserId,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        let owner = users::find::<D>(&mut tx, scope, user, Permission::ReadUsers).await?;
        Ok(tx.api_keys(owner.id, page).await?)
    }

    /// A key: one's own, or any of the organization for those who may read users.
    pub async fn get(&self, scope: &OrgScope, api_key: ApiKeyId) -> Result<ApiKey, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        find::<D>(&mut tx, scope, api_key, Permission::ReadUsers).await
    }

    /// Ends a key, at once and for ever. One that has ended already stays as it is.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when its user may do more than the actor.
    pub async fn revoke(&self, scope: &OrgScope, api_key: ApiKeyId) -> Result<(), Error> {
        let done = self.try_revoke(scope, api_key).await;
        self.audit.watch(scope, Action::ApiKeyRevoke, Resource::ApiKey(api_key), done).await
    }

    async fn try_revoke(&self, scope: &OrgScope, api_key: ApiKeyId) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.doors.tenant(scope, Access::Govern).await?;
        let api_key = find::<D>(&mut tx, scope, api_key, Permission::WriteUsers).await?;
        let owner = users::find::<D>(&mut tx, scope, api_key.user_id, Permission::WriteUsers).await?;
        check_owner(scope, &owner)?;
        if tx.revoke_api_key(api_key.id, now).await? {
            let event = Event::done(Action::ApiKeyRevoke, Resource::ApiKey(api_key.id))
                .with_changes(json!({ "user_id": owner.id }));
            audit::record(tx.as_mut(), now, event).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Whether the actor may act on keys of this user.
fn check_owner(scope: &OrgScope, owner: &User) -> Result<(), Error> {
    if scope.covers(owner.role) {
        return Ok(());
    }
    Err(Error::Forbidden("nobody can act on the keys of a user who may do more than they may"))
}

/// The key with this id, if it is the actor's or the actor has the permission; for everybody else it does not exist.
async fn find<D: Doors>(
    tx: &mut D::Tenant,
    scope: &OrgScope,
    api_key: ApiKeyId,
    permission: Permission,
) -> Result<ApiKey, Error> {
    let found = tx.api_key(api_key).await?.ok_or(Error::NotFound("API key"))?;
    let visible = scope.is_of(found.user_id) || scope.allows(permission);
    visible.then_some(found).ok_or(Error::NotFound("API key"))
}
