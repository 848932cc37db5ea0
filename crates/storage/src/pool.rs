//! Connections that act as one role.

use std::time::Duration;

use sqlx::{
    PgPool, Postgres, SqlStr, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::store::{Options, PoolUse};

/// How many connections are used before all others: with three, one after the other finds one that is ready. A connection is made ready for the
/// next after it was let go, which takes a round trip to PostgreSQL.
const WARM: u32 = 3;

/// Connections that act as one role, a few of which are used as long as they suffice.
///
/// PostgreSQL keeps catalogs and plans for each connection apart. Of connections that take turns, as those of one [`PgPool`] do, each finds
/// its own in no cache of the processor: a short query takes a quarter longer than on one that was used just before.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    warm: PgPool,
    /// None if there may be no more than the warm ones.
    spare: Option<PgPool>,
}

impl Pool {
    /// At most so many connections, of which none is opened yet.
    pub(crate) fn new(owner: &PgConnectOptions, role: &str, max_connections: u32, options: &Options) -> Self {
        let pool = |connections| connections_as(owner, role, connections, options);
        let spare = max_connections.checked_sub(WARM).filter(|&spare| spare > 0);
        Self { warm: pool(max_connections.min(WARM)), spare: spare.map(pool) }
    }

    /// A connection, until it is dropped.
    pub(crate) async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let Some(spare) = self.spare.as_ref().filter(|_| !may_open(&self.warm)) else {
            return take(&self.warm).await;
        };
        if self.warm.num_idle() == 0 && spare.num_idle() == 0 && may_open(spare) {
            // A warm one may be free before this one is open. To give it up then would leave all to the warm ones, however many wait.
            return take(spare).await;
        }
        tokio::select! {
            biased;
            warm = take(&self.warm) => warm,
            spare = take(spare) => spare,
        }
    }

    /// A transaction that begins with this statement.
    pub(crate) async fn begin(
        &self,
        statement: impl Into<Option<SqlStr>>,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        Transaction::begin(self.acquire().await?, statement.into()).await
    }

    /// How many connections there are.
    pub(crate) fn usage(&self, name: &'static str) -> PoolUse {
        let mut all = PoolUse { name, used: 0, idle: 0, max: 0 };
        for pool in self.parts() {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            // They are counted one after the other, and may change in between.
            all.used += pool.size().saturating_sub(idle);
            all.idle += idle;
            all.max += pool.options().get_max_connections();
        }
        all
    }

    /// Closes every connection, after the queries that run have ended.
    pub(crate) async fn close(&self) {
        for pool in self.parts() {
            pool.close().await;
        }
    }

    fn parts(&self) -> impl Iterator<Item = &PgPool> {
        std::iter::once(&self.warm).chain(&self.spare)
    }
}

async fn take(pool: &PgPool) -> Result<PoolConnection<Postgres>, sqlx::Error> {
    // Boxed only once it is begun: what opens a connection is large, and seldom needed.
    Box::pin(pool.acquire()).await
}

fn may_open(pool: &PgPool) -> bool {
    pool.size() < pool.options().get_max_connections()
}

/// Connections that act as `role` from their first to their last statement: the role is part of the connection's start,
/// so even `reset role` comes back to it.
pub(crate) fn connections_as(
    owner: &PgConnectOptions,
    role: &str,
    max_connections: u32,
    options: &Options,
) -> PgPool {
    let timeout = options.statement_timeout.as_millis().to_string();
    let connect = owner.clone().application_name("tenantry").options([
        ("role", role),
        ("statement_timeout", &timeout),
        // Every statement leads with the organization, so one plan fits them all; else PostgreSQL plans some anew each time, which
        // takes longer than to run them.
        ("plan_cache_mode", "force_generic_plan"),
    ]);
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                // A ping for each use would cost a fifth of the rate; a connection that was used just now still stands.
                if metadata.idle_for > Duration::from_secs(1) {
                    use sqlx::Connection as _;
                    return Ok(connection.ping().await.is_ok());
                }
                Ok(true)
            })
        })
        .connect_lazy_with(connect)
}
