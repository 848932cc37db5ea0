//! API keys of an organization's users.

use std::sync::Arc;

use serde_json::json;
use tenantry_domain::{
    ApiKey, ApiKeyId, ApiKeyName, Clock, Invalid, OrgScope, Permission, Quota, Secret, Timestamp, UserId,
    audit::{Action, Event, Resource},
};
use tenantry_storage::{Page, PageRequest, Store, TenantTx, api_keys, audit, quotas};

use crate::{Error, users};

/// API keys.
#[derive(Clone)]
pub struct ApiKeys {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl ApiKeys {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Makes a key for a user and answers its secret, which is kept nowhere.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it would have expired already; [`Error::Forbidden`] when its user may do more than the actor.
    pub async fn create(
        &self,
        scope: &OrgScope,
        user: UserId,
        name: &ApiKeyName,
        expires_at: Option<Timestamp>,
    ) -> Result<(ApiKey, Secret), Error> {
        let now = self.clock.now();
        if expires_at.is_some_and(|at| at <= now) {
            return Err(Invalid::new("expires_at", "must be in the future").into());
        }
        let secret = Secret::generate().map_err(|error| Error::Internal(Box::new(error)))?;
        let mut tx = self.store.tenant(scope).await?;
        let owner = users::find(&mut tx, user, Permission::WriteUsers).await?;
        if !scope.covers(owner.role) {
            return Err(Error::Forbidden("nobody can make a key for a user who may do more than they may"));
        }
        quotas::reserve(&mut tx, Quota::ApiKeys, now).await??;
        let api_key = api_keys::insert(&mut tx, owner.id, name, &secret, expires_at, now).await?;
        let event = Event::done(Action::ApiKeyCreate, Resource::ApiKey(api_key.id))
            .with_changes(json!({ "user_id": owner.id, "expires_at": expires_at }));
        audit::record(&mut tx, now, event).await?;
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
        let mut tx = self.store.tenant(scope).await?;
        let owner = users::find(&mut tx, user, Permission::ReadUsers).await?;
        Ok(api_keys::list(&mut tx, owner.id, page).await?)
    }

    /// A key: one's own, or any of the organization for those who may read users.
    pub async fn get(&self, scope: &OrgScope, api_key: ApiKeyId) -> Result<ApiKey, Error> {
        let mut tx = self.store.tenant(scope).await?;
        find(&mut tx, api_key, Permission::ReadUsers).await
    }

    /// Ends a key, at once and for ever. One that has ended already stays as it is.
    pub async fn revoke(&self, scope: &OrgScope, api_key: ApiKeyId) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope).await?;
        let api_key = find(&mut tx, api_key, Permission::WriteUsers).await?;
        let owner = users::find(&mut tx, api_key.user_id, Permission::WriteUsers).await?;
        if !scope.covers(owner.role) {
            return Err(Error::Forbidden("nobody can revoke a key of a user who may do more than they may"));
        }
        if api_keys::revoke(&mut tx, api_key.id, now).await? {
            let event = Event::done(Action::ApiKeyRevoke, Resource::ApiKey(api_key.id))
                .with_changes(json!({ "user_id": owner.id }));
            audit::record(&mut tx, now, event).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// The key with this id, if it is the actor's or the actor has the permission; for everybody else it does not exist.
async fn find(tx: &mut TenantTx, api_key: ApiKeyId, permission: Permission) -> Result<ApiKey, Error> {
    let found = api_keys::get(tx, api_key).await?.ok_or(Error::NotFound("API key"))?;
    let visible = tx.scope().is_of(found.user_id) || tx.scope().allows(permission);
    visible.then_some(found).ok_or(Error::NotFound("API key"))
}
