//! The tenant's door.

use sqlx::{AssertSqlSafe, PgConnection, Postgres, SqlSafeStr as _, Transaction};
use tenantry_domain::{OrgScope, OrganizationId};

use crate::{Access, Error, RightsWatch, access::hold, doors::Transaction as Door, pool::Pool};

/// A transaction inside one organization. PostgreSQL shows it no row of another and takes none from it. Dropped without
/// [`Self::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct TenantTx {
    transaction: Transaction<'static, Postgres>,
    scope: OrgScope,
    /// Told at the end, if rights may have changed.
    governs: Option<RightsWatch>,
}

impl TenantTx {
    pub(crate) async fn begin(
        pool: &Pool,
        rights: &RightsWatch,
        scope: &OrgScope,
        access: Access,
    ) -> Result<Self, Error> {
        let begin = if access == Access::Read { "begin read only" } else { "begin" };
        // Begin and set in one round trip. The id is hexadecimal digits and hyphens by its type.
        let statement = format!(
            "{begin}; set local tenantry.organization_id = '{}'",
            scope.organization().uuid().hyphenated()
        );
        let mut transaction = pool.begin(AssertSqlSafe(statement).into_sql_str()).await?;
        hold(&mut transaction, scope, access).await?;
        let governs = (access == Access::Govern).then(|| rights.clone());
        Ok(Self { transaction, scope: scope.clone(), governs })
    }

    /// The scope that opened it.
    pub fn scope(&self) -> &OrgScope {
        &self.scope
    }

    /// The organization it is inside of.
    pub fn organization(&self) -> OrganizationId {
        self.scope.organization()
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

impl Door for TenantTx {
    async fn commit(self) -> Result<(), Error> {
        self.transaction.commit().await?;
        // The announcement comes to this node too, but whoever made the change may ask at once.
        if let Some(rights) = self.governs {
            rights.changed(self.scope.organization());
        }
        Ok(())
    }
}

impl AsMut<Self> for TenantTx {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}
