//! Users of an organization.

use std::sync::Arc;

use serde_json::{Value, json};
use tenantry_domain::{
    Clock, Invalid, OrgScope, Permission, Quota, Role, Slug, User, UserId, UserKind, UserStatus,
    audit::{Action, Event, Resource},
    user::NewUser,
};
use tenantry_storage::{
    Page, PageRequest, Store, TenantTx, audit, organizations, quotas,
    users::{self, Changes},
};

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
        // The same questions as for a change of role, before there is a user to ask them of.
        if new.role() == Role::Admin && organizations::own(&mut tx).await?.slug != Slug::system() {
            return Err(Invalid::new("role", "admin is only for users of the system organization").into());
        }
        quotas::reserve(&mut tx, Quota::Users, now).await??;
        let user = users::insert(&mut tx, new, now).await?;
        let event = Event::done(Action::UserCreate, Resource::User(user.id))
            .with_changes(json!({ "role": [null, user.role], "kind": [null, user.kind] }));
        audit::record(&mut tx, now, event).await?;
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

    /// Changes a user's name, role or status. A new role or status counts from the next request on.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the user may, or would, do more than the actor; [`Error::Conflict`] when nobody would be left to
    /// manage the organization; [`Error::Invalid`] when the role does not fit the user.
    pub async fn update(&self, scope: &OrgScope, user: UserId, changes: &Changes) -> Result<User, Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope).await?;
        let before = self.lock(&mut tx, user).await?;
        if let Some(role) = changes.role.filter(|&role| role != before.role) {
            check_role(&mut tx, &before, role).await?;
        }
        let demoted = changes.role.is_some_and(|role| role != before.role);
        let disabled = changes.status == Some(UserStatus::Disabled);
        if demoted || disabled {
            keep_one(&mut tx, &before).await?;
        }
        let after = users::update(&mut tx, user, changes).await?.ok_or(Error::NotFound("user"))?;
        let event =
            Event::done(Action::UserUpdate, Resource::User(user)).with_changes(difference(&before, &after));
        audit::record(&mut tx, now, event).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// Removes a user. Their API keys end with them; what they did stays in the audit log.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub async fn delete(&self, scope: &OrgScope, user: UserId) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.store.tenant(scope).await?;
        let before = self.lock(&mut tx, user).await?;
        keep_one(&mut tx, &before).await?;
        users::delete(&mut tx, user).await?;
        let event = Event::done(Action::UserDelete, Resource::User(user))
            .with_changes(json!({ "role": [before.role, null], "kind": [before.kind, null] }));
        audit::record(&mut tx, now, event).await?;
        Ok(tx.commit().await?)
    }

    async fn lock(&self, tx: &mut TenantTx, user: UserId) -> Result<User, Error> {
        if !tx.scope().allows(Permission::WriteUsers) {
            // Whoever may not change users sees none but themselves.
            let oneself = tx.scope().is_of(user);
            return Err(if oneself {
                Error::Forbidden("this needs the permission users:write")
            } else {
                Error::NotFound("user")
            });
        }
        let before = users::lock(tx, user).await?.ok_or(Error::NotFound("user"))?;
        if tx.scope().covers(before.role) {
            return Ok(before);
        }
        Err(Error::Forbidden("nobody can change a user who may do more than they may"))
    }
}

/// Whether the user may be given the role, by this actor and in this organization.
async fn check_role(tx: &mut TenantTx, user: &User, role: Role) -> Result<(), Error> {
    if !tx.scope().covers(role) {
        return Err(Error::Forbidden("nobody can give a role that may do more than their own"));
    }
    if role == Role::Admin && organizations::own(tx).await?.slug != Slug::system() {
        return Err(Invalid::new("role", "admin is only for users of the system organization").into());
    }
    if role == Role::Worker && user.kind == UserKind::Human {
        return Err(Invalid::new("role", "worker is only for service accounts").into());
    }
    Ok(())
}

/// Refuses to let go of the last one who can manage the organization, or the deployment.
async fn keep_one(tx: &mut TenantTx, user: &User) -> Result<(), Error> {
    let matters = matches!(user.role, Role::Admin | Role::Manager) && user.status == UserStatus::Active;
    if !matters || users::others_in_role(tx, user.role, user.id).await? > 0 {
        return Ok(());
    }
    // The system organization is managed by its admins.
    if user.role == Role::Manager && organizations::own(tx).await?.slug == Slug::system() {
        return Ok(());
    }
    Err(Error::conflict(format!("this is the last active {} of the organization", user.role)))
}

/// Each field that changed, before and after. A name is the user's own and stays out of the log.
fn difference(before: &User, after: &User) -> Value {
    let mut changes = serde_json::Map::new();
    if before.role != after.role {
        changes.insert("role".to_owned(), json!([before.role, after.role]));
    }
    if before.status != after.status {
        changes.insert("status".to_owned(), json!([before.status, after.status]));
    }
    if before.name != after.name {
        changes.insert("name".to_owned(), json!("changed"));
    }
    changes.into()
}

/// The user with this id, if it is the actor or the actor has the permission; for everybody else it does not exist.
pub(crate) async fn find(tx: &mut TenantTx, user: UserId, permission: Permission) -> Result<User, Error> {
    if !tx.scope().is_of(user) && !tx.scope().allows(permission) {
        return Err(Error::NotFound("user"));
    }
    users::get(tx, user).await?.ok_or(Error::NotFound("user"))
}
