//! The two doors as a trait: what services are generic over, so that a test can hand them a store that fails when it wants.

use std::future::Future;

use tenantry_domain::{
    OrgScope,
    repository::{ApiKeyRepository, OrganizationRepository, UserRepository},
};

use crate::{Access, Error, PlatformTx, Store, TenantTx, access::hold};

/// Opens transactions.
pub trait Doors: Clone + Send + Sync + 'static {
    /// A transaction inside one organization.
    type Tenant: Transaction
        + AsMut<TenantTx>
        + UserRepository<Error = Error>
        + ApiKeyRepository<Error = Error>;
    /// A transaction across organizations.
    type Platform: Transaction + AsMut<PlatformTx> + OrganizationRepository<Error = Error>;

    /// Opens the tenant's door: a transaction that sees the rows of the scope's organization and no others.
    ///
    /// # Errors
    /// [`Error::Refused`] when the actor has lost the right meanwhile.
    fn tenant(
        &self,
        scope: &OrgScope,
        access: Access,
    ) -> impl Future<Output = Result<Self::Tenant, Error>> + Send;

    /// Opens the platform's door for the deployment itself, or to look.
    fn platform(&self) -> impl Future<Output = Result<Self::Platform, Error>> + Send;

    /// Opens the platform's door for what the scope's actor does to the scope's organization.
    ///
    /// # Errors
    /// [`Error::Refused`] when the actor has lost the right meanwhile.
    fn platform_for(
        &self,
        scope: &OrgScope,
        access: Access,
    ) -> impl Future<Output = Result<Self::Platform, Error>> + Send;
}

/// What is kept together or not at all. Dropped without a commit, it leaves nothing behind.
pub trait Transaction: Send {
    /// Makes what was done last.
    fn commit(self) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Doors for Store {
    type Tenant = TenantTx;
    type Platform = PlatformTx;

    async fn tenant(&self, scope: &OrgScope, access: Access) -> Result<TenantTx, Error> {
        TenantTx::begin(self.application_pool(), self.rights(), scope, access).await
    }

    async fn platform(&self) -> Result<PlatformTx, Error> {
        PlatformTx::begin(self.platform_pool(), self.rights()).await
    }

    async fn platform_for(&self, scope: &OrgScope, access: Access) -> Result<PlatformTx, Error> {
        let mut tx = self.platform().await?;
        hold(tx.connection(), scope, access).await?;
        Ok(tx)
    }
}
