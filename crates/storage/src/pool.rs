//! Connections that act as one role.

use std::time::Duration;

use sqlx::{
    PgPool, Postgres, SqlStr, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::sleep;

use crate::store::{Options, PoolUse};

/// How many connections are used before all others: with three, one after the other finds one that is ready. A connection is made ready for the
/// next after it was let go, which takes a round trip to PostgreSQL.
const WARM: u32 = 3;
/// How long the part of a pool that has a connection at hand may take before the other part is asked, too: one of so many parts of the time that
/// anybody waits for a connection. That is long enough to open one.
const HEAD_START: u32 = 3;

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
        let Some(spare) = &self.spare else { return take(&self.warm).await };
        let warm = &self.warm;
        let (first, second, is_at_hand) = if has_idle(warm) {
            (warm, spare, true)
        } else if has_idle(spare) {
            if may_open(warm) {
                // Beside: nobody need wait for it while one of the rest is free.
                let warm = warm.clone();
                tokio::spawn(async move { drop(take(&warm).await) });
            }
            (spare, warm, true)
        } else if may_open(warm) {
            (warm, spare, true)
        } else {
            (spare, warm, may_open(spare))
        };
        // Whichever part comes last is given up, and with it the connection that it opens or asks whether it still stands.
        let head_start = is_at_hand.then(|| first.options().get_acquire_timeout() / HEAD_START);
        let second = async {
            if let Some(head_start) = head_start {
                sleep(head_start).await;
            }
            take(second).await
        };
        tokio::select! {
            biased;
            first = take(first) => first,
            second = second => second,
        }
    }

    /// A transaction that begins with this statement. It ends with whoever asked for it, even in the middle of the beginning.
    pub(crate) async fn begin(
        &self,
        statement: impl Into<Option<SqlStr>>,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        // A task of its own, which goes on if nobody waits for it any more: sqlx 0.9.0 gives a connection back inside of a transaction whose
        // beginning was given up (its issue 4385).
        let begin = Transaction::begin(self.acquire().await?, statement.into());
        tokio::spawn(begin).await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// How many connections there are.
    pub(crate) fn usage(&self, name: &'static str) -> PoolUse {
        let mut all = PoolUse { name, used: 0, idle: 0, max: 0 };
        for pool in self.parts() {
            let size = pool.size();
            // They are counted one after the other, and may change in between.
            let idle = u32::try_from(pool.num_idle()).map_or(size, |idle| idle.min(size));
            all.used += size - idle;
            all.idle += idle;
            all.max += pool.options().get_max_connections();
        }
        all
    }

    /// Closes every connection, after the queries that run have ended.
    pub(crate) async fn close(&self) {
        // Neither gives out another connection from here on.
        let closing: Vec<_> = self.parts().map(PgPool::close).collect();
        for part in closing {
            part.await;
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

fn has_idle(pool: &PgPool) -> bool {
    pool.num_idle() > 0
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
