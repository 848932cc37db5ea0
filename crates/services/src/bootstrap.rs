//! The first admin, without whom nobody could make anything.

use tenantry_domain::{
    ApiKeyName, Clock, Email, Invalid, OrgScope, Role, Secret, UserName,
    api_key::NewApiKey,
    audit::{Action, Event, Resource},
    repository::{ApiKeyRepository as _, OrganizationRepository as _, UserRepository as _},
    user::NewUser,
};
use tenantry_storage::{Access, Doors as _, Store, TenantTx, Transaction as _, audit, users};

use crate::Error;

/// Makes the first admin and an API key for it, and answers the key's secret; or nothing, if there is an admin already.
/// However many processes try at once, one makes it.
pub async fn first_admin(store: &Store, clock: &dyn Clock, email: &Email) -> Result<Option<Secret>, Error> {
    let mut platform = store.platform().await?;
    if users::lock_and_find_admin(&mut platform).await? {
        return Ok(None);
    }
    let mut tx = enter(store).await?;
    let now = clock.now();
    let admin = NewUser::new(UserName::parse("Admin")?, Some(email.clone()), Role::Admin)?;
    let admin = tx.insert_user(&admin, now).await?;
    audit::record(&mut tx, now, Event::done(Action::UserCreate, Resource::User(admin.id))).await?;
    let secret = issue(&mut tx, clock, admin.id).await?;
    tx.commit().await?;
    Ok(Some(secret))
}

/// Makes another API key for the first admin: for whoever runs the deployment and has lost the one they had.
pub async fn new_admin_key(store: &Store, clock: &dyn Clock, email: &Email) -> Result<Secret, Error> {
    let mut tx = enter(store).await?;
    let admin = tx.user_by_email(email).await?.filter(|user| user.role == Role::Admin);
    let admin = admin.ok_or_else(|| Invalid::new("email", "must be an admin's"))?;
    let secret = issue(&mut tx, clock, admin.id).await?;
    tx.commit().await?;
    Ok(secret)
}

async fn enter(store: &Store) -> Result<TenantTx, Error> {
    let mut platform = store.platform().await?;
    let system = platform.system_organization().await?;
    #[expect(clippy::disallowed_methods, reason = "this is the first start")]
    let scope = OrgScope::for_bootstrap(&system);
    Ok(store.tenant(&scope, Access::Write).await?)
}

async fn issue(
    tx: &mut TenantTx,
    clock: &dyn Clock,
    admin: tenantry_domain::UserId,
) -> Result<Secret, Error> {
    let now = clock.now();
    let secret = Secret::generate().map_err(|error| Error::Internal(Box::new(error)))?;
    let new = NewApiKey::named(ApiKeyName::parse("bootstrap")?);
    let api_key = tx.insert_api_key(admin, &new, &secret, now).await?;
    audit::record(tx, now, Event::done(Action::ApiKeyCreate, Resource::ApiKey(api_key.id))).await?;
    Ok(secret)
}
