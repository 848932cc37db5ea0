//! The platform's door.

use sqlx::{PgConnection, Postgres, Transaction};

use tenantry_domain::OrganizationId;

use crate::{Error, RightsWatch, doors::Transaction as Door, pool::Pool};

/// A transaction across organizations. Its database role reads every tenant's rows, writes organizations, quotas and the
/// audit log, and erases. Dropped without [`Self::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct PlatformTx {
    transaction: Transaction<'static, Postgres>,
    rights: RightsWatch,
    /// The organizations that it holds, and so may change.
    held: Vec<OrganizationId>,
}

impl PlatformTx {
    pub(crate) async fn begin(pool: &Pool, rights: &RightsWatch) -> Result<Self, Error> {
        Ok(Self { transaction: pool.begin(None).await?, rights: rights.clone(), held: Vec::new() })
    }

    /// Notes that this transaction may change an organization, or rights in it.
    pub(crate) fn hold(&mut self, organization: OrganizationId) {
        self.held.push(organization);
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

impl Door for PlatformTx {
    async fn commit(self) -> Result<(), Error> {
        self.transaction.commit().await?;
        // The announcements come to this node too, but whoever made the change may ask at once.
        for organization in self.held {
            self.rights.changed(organization);
        }
        Ok(())
    }
}

impl AsMut<Self> for PlatformTx {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}
