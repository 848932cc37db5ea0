//! `tenantry serve`: the server, on a PostgreSQL and a Temporal of the operator's.

use clap::builder::BoolishValueParser;
use tenantry_domain::chain;
use tenantry_storage::migrate::Database;
use tenantry_temporal::egress;

use crate::{
    failure::Failure,
    front::Front,
    logging::{Format, Logging},
    safety::Safety,
    server::{Server, Settings, check_schema, stop_on_signal},
};

const EXAMPLE: &str = "\
Example:
  DATABASE_URL=postgres://tenantry:secret@db/tenantry tenantry serve --temporal-address temporal:7233";

/// Run the server on a PostgreSQL and a Temporal of yours
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Serve {
    #[command(flatten)]
    front: Front,
    /// PostgreSQL, as the owner of the schema
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: String,
    /// The frontend of Temporal
    #[arg(long, env = "TEMPORAL_ADDRESS", value_name = "HOST:PORT")]
    temporal_address: String,
    /// Networks outside the public Internet that definitions may call, in CIDR notation, separated by commas
    #[arg(long, env = "TENANTRY_EGRESS_ALLOW", default_value = "", value_name = "NETWORKS")]
    egress_allow: egress::Policy,
    /// The most connections to PostgreSQL that tenants' work may hold; the platform's may hold half as many more
    #[arg(long, env = "TENANTRY_DATABASE_CONNECTIONS", default_value_t = 20, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    database_connections: u32,
    /// Where to hear of revocations, if not at the database's own URL: a pooler that lends a connection for one transaction does not
    /// pass notifications on
    #[arg(long, env = "TENANTRY_LISTEN_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    listen_database_url: Option<String>,
    /// Do not serve on a Temporal that does not keep organizations apart
    #[arg(long, env = "TENANTRY_STRICT", value_parser = BoolishValueParser::new())]
    strict: bool,
    #[command(flatten)]
    logging: Logging,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let traces = self.logging.start(Format::Json)?;
        let stop = stop_on_signal()?;
        let listener = self.front.listen().await?;
        let server = Server::new(Settings {
            listen_database_url: self.listen_database_url,
            database_url: self.database_url.clone(),
            temporal_address: self.temporal_address,
            egress: self.egress_allow,
            database_connections: self.database_connections,
            api: self.front.settings(),
            safety: if self.strict { Safety::Required } else { Safety::Wanted },
        })?;
        match Database::connect(&self.database_url).await {
            Ok(database) => {
                check_schema(database).await?;
                server.check_roles().await?;
            }
            Err(error) => tracing::warn!(error = chain(&error), "PostgreSQL is away; waiting for it"),
        }
        server.check_temporal().await?;
        tracing::info!(url = listener.url(), "serving");
        let outcome = Box::pin(server.run(listener, stop)).await;
        traces.stop().await;
        outcome
    }
}
