//! Users of an organization.

use std::sync::Arc;

use serde_json::{Value, json};
use tenantry_domain::{
    Clock, Invalid, OrgScope, Page, PageRequest, Permission, Precondition, Quota, Role, Slug, User, UserId,
    UserKind, UserStatus,
    audit::{Action, Event, Resource},
    repository::UserRepository as _,
    user::{Changes, NewUser},
};
use tenantry_storage::{Access, Doors, Store, Transaction as _, audit, organizations, quotas};

use crate::{Error, audit::Audit};

/// Users.
#[derive(Clone)]
pub struct Users<D = Store> {
    doors: D,
    audit: Audit<D>,
    clock: Arc<dyn Clock>,
}

impl<D: Doors> Users<D> {
    /// Over this store.
    pub fn new(doors: D, audit: Audit<D>, clock: Arc<dyn Clock>) -> Self {
        Self { doors, audit, clock }
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the address is taken; [`Error::Forbidden`] when the role could do more than the actor;
    /// [`Error::Invalid`] when an admin would be outside the system organization.
    pub async fn create(&self, scope: &OrgScope, new: &NewUser) -> Result<User, Error> {
        let done = self.try_create(scope, new).await;
        let resource = Resource::Organization(scope.organization());
        self.audit.watch(scope, Action::UserCreate, resource, done).await
    }

    async fn try_create(&self, scope: &OrgScope, new: &NewUser) -> Result<User, Error> {
        let now = self.clock.now();
        let mut tx = self.doors.tenant(scope, Access::Write).await?;
        check_role::<D>(&mut tx, scope, new.role()).await?;
        quotas::reserve(tx.as_mut(), Quota::Users, now).await??;
        let user = tx.insert_user(new, now).await?;
        let event = Event::done(Action::UserCreate, Resource::User(user.id))
            .with_changes(json!({ "role": [null, user.role], "kind": [null, user.kind] }));
        audit::record(tx.as_mut(), now, event).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// A user: oneself, or any of the organization for those who may read users.
    pub async fn get(&self, scope: &OrgScope, user: UserId) -> Result<User, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        find::<D>(&mut tx, scope, user, Permission::ReadUsers).await
    }

    /// The organization's users, newest first.
    pub async fn list(&self, scope: &OrgScope, page: PageRequest) -> Result<Page<User>, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        Ok(tx.users(page).await?)
    }

    /// Changes a user's name, role or status. A new role or status counts at once.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the user may, or would, do more than the actor; [`Error::Conflict`] when nobody would be left to
    /// manage the organization; [`Error::Invalid`] when the role does not fit the user; [`Error::Stale`] unless the user is as expected.
    pub async fn update(
        &self,
        scope: &OrgScope,
        user: UserId,
        expected: &Precondition,
        changes: &Changes,
    ) -> Result<User, Error> {
        let done = self.try_update(scope, user, expected, changes).await;
        self.audit.watch(scope, Action::UserUpdate, Resource::User(user), done).await
    }

    async fn try_update(
        &self,
        scope: &OrgScope,
        user: UserId,
        expected: &Precondition,
        changes: &Changes,
    ) -> Result<User, Error> {
        let now = self.clock.now();
        let mut tx = self.doors.tenant(scope, Access::Govern).await?;
        let before = changeable::<D>(&mut tx, scope, user).await?;
        expected.check(&before)?;
        let role = changes.role.filter(|&role| role != before.role);
        if let Some(role) = role {
            check_role::<D>(&mut tx, scope, role).await?;
            if role == Role::Worker && before.kind == UserKind::Human {
                return Err(Invalid::new("role", "worker is only for service accounts").into());
            }
        }
        if role.is_some() || changes.status == Some(UserStatus::Disabled) {
            keep_one::<D>(&mut tx, &before).await?;
        }
        let after = tx.update_user(user, changes).await?.ok_or(Error::NotFound("user"))?;
        if after != before {
            let event = Event::done(Action::UserUpdate, Resource::User(user))
                .with_changes(difference(&before, &after));
            audit::record(tx.as_mut(), now, event).await?;
        }
        tx.commit().await?;
        Ok(after)
    }

    /// Removes a user. Their API keys end with them; what they did stays in the audit log.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub async fn delete(&self, scope: &OrgScope, user: UserId) -> Result<(), Error> {
        let done = self.try_delete(scope, user).await;
        self.audit.watch(scope, Action::UserDelete, Resource::User(user), done).await
    }

    async fn try_delete(&self, scope: &OrgScope, user: UserId) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.doors.tenant(scope, Access::Govern).await?;
        let before = changeable::<D>(&mut tx, scope, user).await?;
        keep_one::<D>(&mut tx, &before).await?;
        tx.delete_user(user).await?;
        let event = Event::done(Action::UserDelete, Resource::User(user))
            .with_changes(json!({ "role": [before.role, null], "kind": [before.kind, null] }));
        audit::record(tx.as_mut(), now, event).await?;
        Ok(tx.commit().await?)
    }
}

/// A user whom the actor may change.
async fn changeable<D: Doors>(tx: &mut D::Tenant, scope: &OrgScope, user: UserId) -> Result<User, Error> {
    if !scope.allows(Permission::WriteUsers) {
        // Whoever may not change users sees none but themselves.
        return Err(if scope.is_of(user) {
            Error::Forbidden("this needs the permission users:write")
        } else {
            Error::NotFound("user")
        });
    }
    let before = tx.user(user).await?.ok_or(Error::NotFound("user"))?;
    if scope.covers(before.role) {
        return Ok(before);
    }
    Err(Error::Forbidden("nobody can change a user who may do more than they may"))
}

/// Whether the role may be given, by this actor and in this organization.
async fn check_role<D: Doors>(tx: &mut D::Tenant, scope: &OrgScope, role: Role) -> Result<(), Error> {
    if !scope.covers(role) {
        return Err(Error::Forbidden("nobody can give a role that may do more than their own"));
    }
    if role == Role::Admin && organizations::own(tx.as_mut()).await?.slug != Slug::system() {
        return Err(Invalid::new("role", "admin is only for users of the system organization").into());
    }
    Ok(())
}

/// Refuses to let go of the last one who can manage the organization, or the deployment.
async fn keep_one<D: Doors>(tx: &mut D::Tenant, user: &User) -> Result<(), Error> {
    let matters = matches!(user.role, Role::Admin | Role::Manager) && user.status == UserStatus::Active;
    if !matters || tx.others_in_role(user.role, user.id).await? > 0 {
        return Ok(());
    }
    // The system organization is managed by its admins.
    if user.role == Role::Manager && organizations::own(tx.as_mut()).await?.slug == Slug::system() {
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
pub(crate) async fn find<D: Doors>(
    tx: &mut D::Tenant,
    scope: &OrgScope,
    user: UserId,
    permission: Permission,
) -> Result<User, Error> {
    if !scope.is_of(user) && !scope.allows(permission) {
        return Err(Error::NotFound("user"));
    }
    tx.user(user).await?.ok_or(Error::NotFound("user"))
}
