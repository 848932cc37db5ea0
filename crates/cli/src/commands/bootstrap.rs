//! `tenantry bootstrap`: the first admin of a deployment.

use serde_json::json;
use tenantry_domain::{Email, SystemClock, chain};
use tenantry_services::{Error, bootstrap};
use tenantry_storage::{Options, migrate::Database};

use crate::{
    failure::{Exit, Failure},
    output::Format,
    server::{check_schema, migration_failed, open_store},
};

const EXAMPLE: &str = "\
Example:
  tenantry bootstrap --email ops@example.com --database-url postgres://tenantry:secret@db/tenantry";

/// Make the first admin; their API key is shown once
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Bootstrap {
    /// The admin's e-mail address
    #[arg(long, value_name = "EMAIL")]
    email: String,
    /// Make another API key for this admin, who has lost theirs
    #[arg(long)]
    new_key: bool,
    /// PostgreSQL, as the owner of the schema
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: String,
}

impl Bootstrap {
    pub(crate) async fn run(self, output: Format) -> Result<(), Failure> {
        let email = Email::parse(&self.email).map_err(|invalid| Failure::invalid(invalid.to_string()))?;
        let store = open_store(&self.database_url, &Options::default())?;
        let database = Database::connect(&self.database_url).await;
        check_schema(database.map_err(|error| migration_failed(&error))?).await?;
        let secret = if self.new_key {
            Some(
                bootstrap::new_admin_key(&store, &SystemClock, &email)
                    .await
                    .map_err(|error| failed(&error))?,
            )
        } else {
            bootstrap::first_admin(&store, &SystemClock, &email).await.map_err(|error| failed(&error))?
        };
        match secret {
            Some(secret) => Ok(output.sentence(&json!({ "secret": secret.reveal() }), secret.reveal())?),
            None => Err(Failure::new(Exit::Failed, "conflict", "this deployment has an admin already")
                .with_hint("an admin makes others with `tenantry user create --role admin`; one who lost their key gets another with --new-key")),
        }
    }
}

pub(crate) fn failed(error: &Error) -> Failure {
    match error {
        Error::Invalid(fields) => {
            Failure::invalid(fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        }
        Error::Unavailable(_) => Failure::new(Exit::Unavailable, "unavailable", chain(error)),
        _ => Failure::new(Exit::Failed, "bootstrap", chain(error)),
    }
}
