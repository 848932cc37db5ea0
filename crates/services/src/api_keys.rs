//! API keys of an organization's users.

use std::sync::Arc;

use serde_json::{Value, json};
use tenantry_domain::{
    ApiKey, ApiKeyId, Change, Clock, Invalid, OrgScope, Page, PageRequest, Permission, Precondition, Quota,
    Scopes, Secret, Timestamp, User, UserId,
    api_key::{Changes, Filter, NewApiKey, Overlap},
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
    /// [`Error::Invalid`] when it would have expired already, or its scopes have what its user may not do; [`Error::Forbidden`] when
    /// the key, or its user, may do more than the actor.
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
        check_expiry(new.expires_at, now)?;
        let secret = generate()?;
        let mut tx = self.doors.tenant(scope, Access::Write).await?;
        let owner = users::find::<D>(&mut tx, scope, user, Permission::WriteUsers).await?;
        check_owner(scope, &owner)?;
        check_scopes(scope, &owner, new.limits.scopes.as_ref())?;
        quotas::reserve(tx.as_mut(), Quota::ApiKeys, now).await??;
        let api_key = tx.insert_api_key(owner.id, new, &secret, now).await?;
        let event = Event::done(Action::ApiKeyCreate, Resource::ApiKey(api_key.id)).with_changes(json!({
            "user_id": owner.id, "expires_at": new.expires_at, "scopes": new.limits.scopes,
            "allowed_cidrs": new.limits.allowed_cidrs, "rate_limit": new.limits.rate_limit,
        }));
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

    /// The keys of all users of the organization that a filter lets through, newest first.
    pub async fn list_all(
        &self,
        scope: &OrgScope,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        Ok(tx.api_keys_of_all(filter, self.clock.now(), page).await?)
    }

    /// A key: one's own, or any of the organization for those who may read users.
    pub async fn get(&self, scope: &OrgScope, api_key: ApiKeyId) -> Result<ApiKey, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        find::<D>(&mut tx, scope, api_key, Permission::ReadUsers).await
    }

    /// Changes what a key is called, when it ends, and what it is limited to, at once.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has ended; otherwise as [`Self::create`].
    pub async fn update(
        &self,
        scope: &OrgScope,
        api_key: ApiKeyId,
        expected: &Precondition,
        changes: &Changes,
    ) -> Result<ApiKey, Error> {
        let done = self.try_update(scope, api_key, expected, changes).await;
        self.audit.watch(scope, Action::ApiKeyUpdate, Resource::ApiKey(api_key), done).await
    }

    async fn try_update(
        &self,
        scope: &OrgScope,
        api_key: ApiKeyId,
        expected: &Precondition,
        changes: &Changes,
    ) -> Result<ApiKey, Error> {
        let now = self.clock.now();
        check_expiry(changes.expires_at.of(None), now)?;
        let mut tx = self.doors.tenant(scope, Access::Govern).await?;
        let (before, owner) = changeable::<D>(&mut tx, scope, api_key, now).await?;
        expected.check(&before)?;
        if changes.scopes != Change::Keep {
            check_scopes(scope, &owner, changes.scopes.as_ref().of(None))?;
        }
        let after = before.changed(changes);
        if after != before {
            tx.update_api_key(&after).await?;
            let event = Event::done(Action::ApiKeyUpdate, Resource::ApiKey(before.id))
                .with_changes(difference(&before, &after));
            audit::record(tx.as_mut(), now, event).await?;
        }
        let after = tx.api_key(before.id).await?.ok_or(NOT_FOUND)?;
        tx.commit().await?;
        Ok(after)
    }

    /// Gives a key a new secret and answers it. The one before holds until the overlap has passed.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the key has ended, or an overlap that has not passed would get another beside it;
    /// [`Error::Forbidden`] as [`Self::create`].
    pub async fn rotate(
        &self,
        scope: &OrgScope,
        api_key: ApiKeyId,
        overlap: Overlap,
    ) -> Result<(ApiKey, Secret), Error> {
        let done = self.try_rotate(scope, api_key, overlap).await;
        self.audit.watch(scope, Action::ApiKeyRotate, Resource::ApiKey(api_key), done).await
    }

    async fn try_rotate(
        &self,
        scope: &OrgScope,
        api_key: ApiKeyId,
        overlap: Overlap,
    ) -> Result<(ApiKey, Secret), Error> {
        let now = self.clock.now();
        let secret = generate()?;
        let mut tx = self.doors.tenant(scope, Access::Govern).await?;
        let (before, owner) = changeable::<D>(&mut tx, scope, api_key, now).await?;
        let ends_at = overlap.from(now);
        let live = before.secrets.iter().filter(|secret| !secret.has_ended(now)).count();
        if ends_at.is_some() && live > 1 {
            return Err(Error::conflict(
                "two secrets of this key are good already; wait for the older one to end, or rotate with overlap_seconds 0, which \
                 ends both at once",
            ));
        }
        tx.rotate_api_key(before.id, &secret, ends_at, now).await?;
        let event = Event::done(Action::ApiKeyRotate, Resource::ApiKey(before.id))
            .with_changes(json!({ "user_id": owner.id, "overlap_seconds": overlap.seconds() }));
        audit::record(tx.as_mut(), now, event).await?;
        let after = tx.api_key(before.id).await?.ok_or(NOT_FOUND)?;
        tx.commit().await?;
        Ok((after, secret))
    }

    /// Ends a key, at once and for ever. One that has ended already stays as it is.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when its user may do more than the actor; or when the key may, and the actor may not change users.
    pub async fn revoke(&self, scope: &OrgScope, api_key: ApiKeyId) -> Result<(), Error> {
        let done = self.try_revoke(scope, api_key).await;
        self.audit.watch(scope, Action::ApiKeyRevoke, Resource::ApiKey(api_key), done).await
    }

    async fn try_revoke(&self, scope: &OrgScope, api_key: ApiKeyId) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.doors.tenant(scope, Access::Govern).await?;
        let (api_key, owner) = with_owner::<D>(&mut tx, scope, api_key).await?;
        // It gives nobody anything: whoever may change users may end the widest of their keys by the narrowest of their own.
        if !scope.allows(Permission::WriteUsers) {
            check_width(scope, api_key.limits.scopes.as_ref())?;
        }
        if tx.revoke_api_key(api_key.id, now).await? {
            let event = Event::done(Action::ApiKeyRevoke, Resource::ApiKey(api_key.id))
                .with_changes(json!({ "user_id": owner.id }));
            audit::record(tx.as_mut(), now, event).await?;
        }
        Ok(tx.commit().await?)
    }
}

const NOT_FOUND: Error = Error::NotFound("API key");

fn generate() -> Result<Secret, Error> {
    Secret::generate().map_err(|error| Error::Internal(Box::new(error)))
}

fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Error> {
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Invalid::new("expires_at", "must be in the future").into());
    }
    Ok(())
}

/// Whether the actor may act on keys of this user.
fn check_owner(scope: &OrgScope, owner: &User) -> Result<(), Error> {
    if scope.covers_keys_of(owner.role) {
        return Ok(());
    }
    Err(Error::Forbidden("nobody can act on the keys of a user who may do more than they may"))
}

/// Whether a key of this user can be limited so, by this actor.
fn check_scopes(scope: &OrgScope, owner: &User, scopes: Option<&Scopes>) -> Result<(), Error> {
    check_width(scope, scopes)?;
    Ok(scopes.map_or(Ok(()), |scopes| scopes.check(owner.role))?)
}

/// Whether a key with these scopes is within what the actor's own is limited to.
fn check_width(scope: &OrgScope, scopes: Option<&Scopes>) -> Result<(), Error> {
    if scope.covers_scopes(scopes) {
        return Ok(());
    }
    Err(Error::Forbidden("a key with scopes can act only on keys whose scopes are within its own"))
}

/// A key that the actor may change, with its owner.
async fn changeable<D: Doors>(
    tx: &mut D::Tenant,
    scope: &OrgScope,
    api_key: ApiKeyId,
    now: Timestamp,
) -> Result<(ApiKey, User), Error> {
    let (api_key, owner) = with_owner::<D>(tx, scope, api_key).await?;
    check_width(scope, api_key.limits.scopes.as_ref())?;
    if api_key.has_ended(now) {
        return Err(Error::conflict("the key has ended, which is for ever; make another"));
    }
    Ok((api_key, owner))
}

/// A key whose owner the actor may act for.
async fn with_owner<D: Doors>(
    tx: &mut D::Tenant,
    scope: &OrgScope,
    api_key: ApiKeyId,
) -> Result<(ApiKey, User), Error> {
    let api_key = find::<D>(tx, scope, api_key, Permission::WriteUsers).await?;
    let owner = users::find::<D>(tx, scope, api_key.user_id, Permission::WriteUsers).await?;
    check_owner(scope, &owner)?;
    Ok((api_key, owner))
}

/// Each field that changed, before and after. A name is the user's own and stays out of the log.
fn difference(before: &ApiKey, after: &ApiKey) -> Value {
    let mut changes = serde_json::Map::new();
    let mut note = |field: &str, before: Value, after: Value| {
        if before != after {
            changes.insert(field.to_owned(), json!([before, after]));
        }
    };
    note("scopes", json!(before.limits.scopes), json!(after.limits.scopes));
    note("allowed_cidrs", json!(before.limits.allowed_cidrs), json!(after.limits.allowed_cidrs));
    note("rate_limit", json!(before.limits.rate_limit), json!(after.limits.rate_limit));
    note("expires_at", json!(before.expires_at), json!(after.expires_at));
    if before.name != after.name {
        changes.insert("name".to_owned(), json!("changed"));
    }
    changes.into()
}

/// The key with this id, if it is the actor's or the actor has the permission; for everybody else it does not exist.
async fn find<D: Doors>(
    tx: &mut D::Tenant,
    scope: &OrgScope,
    api_key: ApiKeyId,
    permission: Permission,
) -> Result<ApiKey, Error> {
    let found = tx.api_key(api_key).await?.ok_or(NOT_FOUND)?;
    let visible = scope.is_of(found.user_id) || scope.allows(permission);
    visible.then_some(found).ok_or(NOT_FOUND)
}
