//! The commands, one module a noun.

pub(crate) mod apikey;
pub(crate) mod audit;
pub(crate) mod bootstrap;
pub(crate) mod dev;
pub(crate) mod execution;
pub(crate) mod me;
pub(crate) mod migrate;
pub(crate) mod org;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod serve;
pub(crate) mod user;
pub(crate) mod workflow;

use clap::Subcommand;

use crate::{connection::Flags, failure::Failure};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(dev::Dev),
    Serve(serve::Serve),
    Migrate(migrate::Migrate),
    Bootstrap(bootstrap::Bootstrap),
    /// Organizations: the tenants
    #[command(subcommand)]
    Org(org::Org),
    /// Users: people and service accounts
    #[command(subcommand)]
    User(user::User),
    /// API keys
    #[command(subcommand)]
    Apikey(apikey::Apikey),
    /// Workflows: the definitions
    #[command(subcommand)]
    Workflow(workflow::Workflow),
    /// Start a workflow
    Run(run::Run),
    /// Executions: workflows at work
    #[command(subcommand)]
    Execution(execution::Execution),
    /// Schedules: workflows that start by themselves
    #[command(subcommand)]
    Schedule(schedule::Schedule),
    /// The audit log: who did what
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Show who you are to the server
    Me(me::Me),
    /// Profiles: which server to talk to, and as whom
    #[command(subcommand)]
    Profile(profile::Profile),
}

impl Command {
    /// The commands that call no server, by name (`"serve"`): the connection's flags mean nothing to them, and their help
    /// does not show them.
    pub(crate) const WITHOUT_CONNECTION: &[&str] = &["dev", "serve", "migrate", "bootstrap"];

    /// Does it.
    pub(crate) async fn run(self, connection: Flags) -> Result<(), Failure> {
        match self {
            Self::Dev(dev) => Box::pin(dev.run()).await,
            Self::Serve(serve) => Box::pin(serve.run()).await,
            Self::Migrate(migrate) => migrate.run().await,
            Self::Bootstrap(bootstrap) => bootstrap.run().await,
            Self::Profile(profile) => profile.run(&connection),
            Self::Org(org) => org.run(connection.open()?).await,
            Self::User(user) => user.run(connection.open()?).await,
            Self::Apikey(apikey) => apikey.run(connection.open()?).await,
            Self::Workflow(workflow) => workflow.run(connection).await,
            Self::Run(run) => run.run(connection.open()?).await,
            Self::Execution(execution) => execution.run(connection.open()?).await,
            Self::Schedule(schedule) => schedule.run(connection.open()?).await,
            Self::Audit(audit) => audit.run(connection.open()?).await,
            Self::Me(me) => me.run(connection.open()?).await,
        }
    }
}
