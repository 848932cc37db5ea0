//! The connections: one pool for each door.

use std::{str::FromStr as _, sync::Arc, time::Duration};

use sqlx::{Postgres, Row as _, pool::PoolConnection, postgres::PgConnectOptions};

use crate::{
    Error, RightsWatch,
    pool::{Pool, connections_as},
};

const APPLICATION: &str = "tenantry_application";
const PLATFORM: &str = "tenantry_platform";

/// How to reach PostgreSQL.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most connections that tenants' transactions may hold at once; the platform's may hold half as many.
    pub max_connections: u32,
    /// How long to wait for a connection before the database counts as unavailable.
    pub acquire_timeout: Duration,
    /// How long one statement may take before PostgreSQL ends it.
    pub statement_timeout: Duration,
    /// Where to listen for changes of rights, if not at the database's own URL: a pooler that gives a connection to another client
    /// after each transaction cannot pass notifications on.
    pub listen_url: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 20,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(30),
            listen_url: None,
        }
    }
}

/// How many connections a pool has.
#[derive(Clone, Copy, Debug)]
pub struct PoolUse {
    /// Whose pool it is: `application` or `platform`.
    pub name: &'static str,
    /// How many somebody works with.
    pub used: u32,
    /// How many nobody works with.
    pub idle: u32,
    /// How many there may be.
    pub max: u32,
}

/// The database, behind its two doors.
#[derive(Clone, Debug)]
pub struct Store {
    application: Pool,
    platform: Pool,
    rights: RightsWatch,
    listen: Arc<Listen>,
}

/// How to open the connection that listens.
#[derive(Debug)]
struct Listen {
    owner: PgConnectOptions,
    options: Options,
}

impl Store {
    /// A store on the database that the URL names, as its owner. Nothing is contacted yet, so a database that is away now may
    /// come later.
    ///
    /// # Errors
    /// When the URL is not one of PostgreSQL's.
    pub fn new(database_url: &str, options: &Options) -> Result<Self, Error> {
        let owner = PgConnectOptions::from_str(database_url)?;
        let listen_at = options.listen_url.as_deref().map(PgConnectOptions::from_str).transpose()?;
        let listen_at = listen_at.unwrap_or_else(|| owner.clone());
        let platform_connections = options.max_connections.div_ceil(2);
        Ok(Self {
            application: Pool::new(&owner, APPLICATION, options.max_connections, options),
            platform: Pool::new(&owner, PLATFORM, platform_connections, options),
            rights: RightsWatch::unheard(),
            listen: Arc::new(Listen { owner: listen_at, options: options.clone() }),
        })
    }

    /// What this node has heard of changes of rights.
    pub fn rights(&self) -> &RightsWatch {
        &self.rights
    }

    /// Listens for changes of rights until it is dropped. Without it nothing that was read of somebody's rights may be kept.
    pub async fn listen(&self) {
        let Listen { owner, options } = &*self.listen;
        self.rights.listen(|| connections_as(owner, PLATFORM, 1, options)).await;
    }

    /// The pool behind the tenant's door.
    pub(crate) fn application_pool(&self) -> &Pool {
        &self.application
    }

    /// The pool behind the platform's door.
    pub(crate) fn platform_pool(&self) -> &Pool {
        &self.platform
    }

    /// A connection for one of the platform's statements that need no transaction.
    pub(crate) async fn platform_connection(&self) -> Result<PoolConnection<Postgres>, Error> {
        Ok(self.platform.acquire().await?)
    }

    /// Whether PostgreSQL answers.
    pub async fn check(&self) -> Result<(), Error> {
        sqlx::query("select 1").execute(&mut *self.application.acquire().await?).await?;
        Ok(())
    }

    /// How many connections there are.
    pub fn pools(&self) -> [PoolUse; 2] {
        [self.application.usage("application"), self.platform.usage("platform")]
    }

    /// Which of the roles that the doors act as could bypass row-level security, if any.
    pub async fn unsafe_role(&self) -> Result<Option<String>, Error> {
        let query = "select rolname::text from pg_roles
             where rolname = current_user and (
                 rolsuper or rolbypassrls or exists (
                     select from pg_class where relrowsecurity and pg_has_role(current_user, relowner, 'usage')
                 )
             )";
        for pool in [&self.application, &self.platform] {
            if let Some(row) = sqlx::query(query).fetch_optional(&mut *pool.acquire().await?).await? {
                return Ok(Some(row.try_get(0)?));
            }
        }
        Ok(None)
    }

    /// Closes every connection, after the queries that run have ended.
    pub async fn close(&self) {
        self.application.close().await;
        self.platform.close().await;
    }
}
