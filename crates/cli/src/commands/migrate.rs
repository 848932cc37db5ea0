//! `tenantry migrate`: the schema's history, applied and taken back.

use clap::Subcommand;
use serde_json::json;
use tenantry_storage::{
    Options,
    migrate::{Database, Step},
};

use crate::{
    failure::Failure,
    output::{Format, print},
    server::{migration_failed, open_store},
};

/// Migrations of the database: apply them, take them back, show them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  tenantry migrate status --database-url postgres://tenantry:secret@db/tenantry"
)]
pub(crate) struct Migrate {
    /// PostgreSQL, as the owner of the schema
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        global = true,
        required = false
    )]
    database_url: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Apply every migration that is missing
    #[command(
        after_help = "Example:\n  tenantry migrate up --database-url postgres://tenantry:secret@db/tenantry"
    )]
    Up,
    /// Take back the last migrations, and with them the data that only they can hold
    #[command(after_help = "Example:\n  tenantry migrate down --steps 1")]
    Down {
        /// How many to take back
        #[arg(long, default_value_t = 1, value_name = "N")]
        steps: usize,
    },
    /// Show each migration, and whether it is applied
    #[command(after_help = "Example:\n  tenantry migrate status")]
    Status,
}

impl Migrate {
    pub(crate) async fn run(self, output: Format) -> Result<(), Failure> {
        let url =
            self.database_url.ok_or_else(|| Failure::invalid("--database-url (DATABASE_URL) is required"))?;
        open_store(&url, &Options::default())?;
        let mut database = Database::connect(&url).await.map_err(|error| migration_failed(&error))?;
        let before = database.status().await.map_err(|error| migration_failed(&error))?;
        match self.verb {
            Verb::Up => database.up().await,
            Verb::Down { steps } => database.down(steps).await,
            Verb::Status => Ok(()),
        }
        .map_err(|error| migration_failed(&error))?;
        let after = database.status().await.map_err(|error| migration_failed(&error))?;
        let steps = before.iter().zip(&after);
        if !output.is_table() {
            let step = |(before, after): (&Step, &Step)| json!({"version": after.version, "name": after.name, "applied": after.applied, "state": state(before, after)});
            return Ok(output.value(&steps.map(step).collect())?);
        }
        for (before, after) in steps {
            print(&format!("{:04} {:40} {}\n", after.version, after.name, state(before, after)))?;
        }
        Ok(())
    }
}

/// What has become of a migration, in words.
fn state(before: &Step, after: &Step) -> &'static str {
    match (before.applied != after.applied, after.applied) {
        (true, true) => "applied now",
        (true, false) => "taken back",
        (false, true) => "applied",
        (false, false) => "missing",
    }
}
