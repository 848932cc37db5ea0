//! The platform's door.

use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use crate::{Error, doors::Transaction as Door};

/// A transaction across organizations. Its database role reads every tenant's rows, writes organizations, quotas and the
/// audit log, and erases. Dropped without [`Self::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct PlatformTx(Transaction<'static, Postgres>);

impl PlatformTx {
    pub(crate) async fn begin(pool: &PgPool) -> Result<Self, Error> {
        Ok(Self(pool.begin().await?))
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

impl Door for PlatformTx {
    async fn commit(self) -> Result<(), Error> {
        Ok(self.0.commit().await?)
    }
}

impl AsMut<Self> for PlatformTx {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}
