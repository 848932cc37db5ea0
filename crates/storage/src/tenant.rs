//! The tenant's door.

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};
use tenantry_domain::{OrgScope, OrganizationId};

use crate::Error;

/// A transaction inside one organization. PostgreSQL shows it no row of another and takes none from it. Dropped without
/// [`Self::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct TenantTx {
    transaction: Transaction<'static, Postgres>,
    scope: OrgScope,
}

impl TenantTx {
    pub(crate) async fn begin(pool: &PgPool, scope: &OrgScope) -> Result<Self, Error> {
        // Begin and set in one round trip. The id is hexadecimal digits and hyphens by its type.
        let statement = format!(
            "begin; select set_config('tenantry.organization_id', '{}', true)",
            scope.organization().uuid().hyphenated()
        );
        let transaction = pool.begin_with(AssertSqlSafe(statement)).await?;
        Ok(Self { transaction, scope: scope.clone() })
    }

    /// The scope that opened it.
    pub fn scope(&self) -> &OrgScope {
        &self.scope
    }

    /// The organization it is inside of.
    pub fn organization(&self) -> OrganizationId {
        self.scope.organization()
    }

    /// Makes what was done last.
    pub async fn commit(self) -> Result<(), Error> {
        Ok(self.transaction.commit().await?)
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}
