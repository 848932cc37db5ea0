//! Users of an organization.

use std::sync::Arc;

use tenantry_domain::{
    Clock, Invalid, OrgScope, Permission, Role, Slug, User, UserId,
    audit::{Action, Resource},
    user::NewUser,
};
use tenantry_storage::{Page, PageRequest, Store, TenantTx, audit, organizations, users};

use crate::Error;

/// Users.
#[derive(Clone)]
pub struct Users {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Users {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the address is taken; [`Error::Forbidden`] when the role could do more than the actor;
    /// [`Error::Invalid`] when an admin would be outside the system organization.
    pub async fn create(&self, scope: &OrgScope, new: &NewUser) -> Result<User, Error> {
        if !scope.covers(new.role()) {
            return Err(Error::Forbidden("nobody can give a role that may do more than their own"));
        }
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope).await?;
        if new.role() == Role::Admin && organizations::own(&mut tx).await?.slug != Slug::system() {
            return Err(Invalid::new("role", "admin is only for users of the system organization").into());
        }
        let user = users::insert(&mut tx, new, now).await?;
        audit::record(&mut tx, now, Action::UserCreate, Resource::User(user.id)).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// A user: oneself, or any of the organization for those who may read users.
    pub async fn get(&self, scope: &OrgScope, user: UserId) -> Result<User, Error> {
        let mut tx = self.store.tenant(scope).await?;
        find(&mut tx, user, Permission::ReadUsers).await
    }

    /// The organization's users, newest first.
    pub async fn list(&self, scope: &OrgScope, page: PageRequest) -> Result<Page<User>, Error> {
        let mut tx = self.store.tenant(scope).await?;
        Ok(users::list(&mut tx, page).await?)
    }
}

/// The user with this id, if it is the actor or the actor has the permission; for everybody else it does not exist.
pub(crate) async fn find(tx: &mut TenantTx, user: UserId, permission: Permission) -> Result<User, Error> {
    if !tx.scope().is_of(user) && !tx.scope().allows(permission) {
        return Err(Error::NotFound("user"));
    }
    users::get(tx, user).await?.ok_or(Error::NotFound("user"))
}
