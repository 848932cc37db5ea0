//! The schema's history: every step up has its step down.

use std::{borrow::Cow, str::FromStr as _};

use sqlx::{
    Connection as _, PgConnection,
    migrate::{Migrate as _, MigrateError, Migrator},
    postgres::PgConnectOptions,
};

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// Why a migration did not happen. Each step is one transaction, so what is done is whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or the URL is wrong.
    #[error("cannot connect to PostgreSQL")]
    Connect(#[source] sqlx::Error),
    /// A step failed, or the database was migrated by another version.
    #[error("a migration failed")]
    Migrate(#[from] MigrateError),
}

/// One step of the schema's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub version: i64,
    /// What it does.
    pub name: Cow<'static, str>,
    /// Whether the database has it.
    pub applied: bool,
}

/// The database that is migrated, as its owner.
#[derive(Debug)]
pub struct Database(PgConnection);

impl Database {
    /// Connects as the owner.
    pub async fn connect(database_url: &str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(database_url).map_err(Error::Connect)?;
        PgConnection::connect_with(&options).await.map(Self).map_err(Error::Connect)
    }

    /// Applies every step that is missing. Several may try at once: they take turns.
    pub async fn up(&mut self) -> Result<(), Error> {
        Ok(MIGRATOR.run_direct(None, &mut self.0, false).await?)
    }

    /// Takes the last `steps` back, and with them what only they can hold.
    pub async fn down(&mut self, steps: usize) -> Result<(), Error> {
        let applied: Vec<i64> = self.applied().await?;
        let target = applied.iter().rev().nth(steps).copied().unwrap_or(0);
        Ok(MIGRATOR.undo(&mut self.0, target).await?)
    }

    /// Every step that this version knows, and whether the database has it.
    pub async fn status(&mut self) -> Result<Vec<Step>, Error> {
        let applied = self.applied().await?;
        let steps = MIGRATOR.iter().filter(|step| step.migration_type.is_up_migration());
        let step = |step: &sqlx::migrate::Migration| Step {
            version: step.version,
            name: Cow::Owned(step.description.replace(' ', "_")),
            applied: applied.contains(&step.version),
        };
        Ok(steps.map(step).collect())
    }

    /// Ends the connection.
    pub async fn close(self) -> Result<(), Error> {
        self.0.close().await.map_err(Error::Connect)
    }

    async fn applied(&mut self) -> Result<Vec<i64>, Error> {
        self.0.ensure_migrations_table(&MIGRATOR.table_name).await?;
        let applied = self.0.list_applied_migrations(&MIGRATOR.table_name).await?;
        Ok(applied.into_iter().map(|step| step.version).collect())
    }
}
