//! A store that dies at a chosen step: from then on nothing works, as when the process is killed or PostgreSQL is cut off.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tenantry_domain::{
    ApiKey, ApiKeyId, Email, OrgScope, Organization, OrganizationId, OrganizationName, OrganizationStatus,
    Page, PageRequest, Role, Secret, Slug, Timestamp, User, UserId,
    api_key::{Filter, NewApiKey},
    repository::{ApiKeyRepository, OrganizationRepository, UserRepository},
    user::{Changes, NewUser},
};
use tenantry_storage::{Access, Doors, Error, PlatformTx, Store, TenantTx, Transaction};
use uuid::Uuid;

/// The store, and how many steps it has left.
#[derive(Clone)]
pub(crate) struct Failing {
    store: Store,
    steps: Arc<AtomicI64>,
}

/// One of its transactions.
pub(crate) struct Tx<T> {
    transaction: T,
    steps: Arc<AtomicI64>,
}

impl Failing {
    pub(crate) fn after(steps: i64, store: Store) -> Self {
        Self { store, steps: Arc::new(AtomicI64::new(steps)) }
    }

    /// Whether it has died.
    pub(crate) fn is_dead(&self) -> bool {
        self.steps.load(Ordering::Relaxed) < 0
    }

    fn guard<T>(&self, transaction: T) -> Tx<T> {
        Tx { transaction, steps: Arc::clone(&self.steps) }
    }
}

fn step(steps: &AtomicI64) -> Result<(), Error> {
    match steps.fetch_sub(1, Ordering::Relaxed) {
        1.. => Ok(()),
        _ => Err(Error::Unavailable(sqlx::Error::PoolClosed)),
    }
}

impl Doors for Failing {
    type Tenant = Tx<TenantTx>;
    type Platform = Tx<PlatformTx>;

    async fn tenant(&self, scope: &OrgScope, access: Access) -> Result<Self::Tenant, Error> {
        step(&self.steps)?;
        Ok(self.guard(self.store.tenant(scope, access).await?))
    }

    async fn platform(&self) -> Result<Self::Platform, Error> {
        step(&self.steps)?;
        Ok(self.guard(self.store.platform().await?))
    }

    async fn platform_for(&self, scope: &OrgScope, access: Access) -> Result<Self::Platform, Error> {
        step(&self.steps)?;
        Ok(self.guard(self.store.platform_for(scope, access).await?))
    }
}

impl<T: Transaction> Transaction for Tx<T> {
    async fn commit(self) -> Result<(), Error> {
        step(&self.steps)?;
        self.transaction.commit().await
    }
}

impl<T> AsMut<T> for Tx<T> {
    fn as_mut(&mut self) -> &mut T {
        &mut self.transaction
    }
}

/// Each method is a step, and then the real one.
macro_rules! pass_on {
    ($(fn $name:ident(&mut self $(, $argument:ident: $type:ty)*) -> $output:ty;)+) => {
        $(async fn $name(&mut self $(, $argument: $type)*) -> Result<$output, Error> {
            step(&self.steps)?;
            self.transaction.$name($($argument),*).await
        })+
    };
}

impl OrganizationRepository for Tx<PlatformTx> {
    type Error = Error;

    pass_on! {
        fn insert_organization(&mut self, slug: &Slug, name: &OrganizationName, now: Timestamp) -> Organization;
        fn organization(&mut self, organization: OrganizationId) -> Option<Organization>;
        fn organization_by_slug(&mut self, slug: &str) -> Option<Organization>;
        fn organization_of_member(&mut self, user_or_api_key: Uuid) -> Option<Organization>;
        fn system_organization(&mut self) -> Organization;
        fn organizations(&mut self, page: PageRequest) -> Page<Organization>;
        fn lock_organization(&mut self, organization: OrganizationId) -> Option<Organization>;
        fn rename_organization(&mut self, organization: OrganizationId, name: &OrganizationName, now: Timestamp) -> ();
        fn set_organization_status(
            &mut self, organization: OrganizationId, status: OrganizationStatus, reason: Option<&str>, now: Timestamp
        ) -> ();
    }
}

impl UserRepository for Tx<TenantTx> {
    type Error = Error;

    pass_on! {
        fn insert_user(&mut self, new: &NewUser, now: Timestamp) -> User;
        fn user(&mut self, user: UserId) -> Option<User>;
        fn user_by_email(&mut self, email: &Email) -> Option<User>;
        fn users(&mut self, page: PageRequest) -> Page<User>;
        fn update_user(&mut self, user: UserId, changes: &Changes) -> Option<User>;
        fn delete_user(&mut self, user: UserId) -> ();
        fn others_in_role(&mut self, role: Role, user: UserId) -> i64;
    }
}

impl ApiKeyRepository for Tx<TenantTx> {
    type Error = Error;

    pass_on! {
        fn insert_api_key(&mut self, user: UserId, new: &NewApiKey, secret: &Secret, now: Timestamp) -> ApiKey;
        fn api_key(&mut self, api_key: ApiKeyId) -> Option<ApiKey>;
        fn api_keys(&mut self, user: UserId, page: PageRequest) -> Page<ApiKey>;
        fn api_keys_of_all(&mut self, filter: &Filter, now: Timestamp, page: PageRequest) -> Page<ApiKey>;
        fn update_api_key(&mut self, api_key: &ApiKey) -> ();
        fn rotate_api_key(
            &mut self, api_key: ApiKeyId, secret: &Secret, ends_at: Option<Timestamp>, now: Timestamp
        ) -> ();
        fn revoke_api_key(&mut self, api_key: ApiKeyId, now: Timestamp) -> bool;
    }
}
