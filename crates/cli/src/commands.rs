//! The commands, one module a noun.

pub(crate) mod apikey;
pub(crate) mod audit;
pub(crate) mod bootstrap;
pub(crate) mod completions;
pub(crate) mod dev;
pub(crate) mod execution;
pub(crate) mod export;
pub(crate) mod import;
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
    #[command(flatten)]
    OfUser(OfUser),
    /// Profiles: which server to talk to, and as whom
    #[command(subcommand)]
    #[command(after_help = "Examples:
  tenantry profile add live --url https://tenantry.example.com
  tenantry profile use live")]
    Profile(profile::Profile),
    Completions(completions::Completions),
}

/// What calls the server.
#[derive(Debug, Subcommand)]
pub(crate) enum OfUser {
    /// Organizations: the tenants
    #[command(subcommand)]
    #[command(after_help = "Examples:
  tenantry org create acme --name \"Acme Corporation\"
  tenantry org usage acme")]
    Org(org::Org),
    /// Users: people and service accounts
    #[command(subcommand)]
    #[command(after_help = "Examples:
  tenantry user create --name Ada --email ada@example.com --role manager --org acme
  tenantry user list --org acme")]
    User(user::User),
    /// API keys
    #[command(subcommand)]
    #[command(after_help = "Examples:
  tenantry apikey create --name laptop --expires-in 90d
  tenantry apikey list --unused-for-days 90")]
    Apikey(apikey::Apikey),
    /// Workflows: the definitions
    #[command(subcommand)]
    #[command(after_help = "Examples:
  tenantry workflow apply quote.yaml
  tenantry workflow get quote -o yaml")]
    Workflow(workflow::Workflow),
    /// Start a workflow
    Run(run::Run),
    /// Executions: workflows at work
    #[command(subcommand)]
    #[command(after_help = "Examples:
  tenantry execution list --status failed
  tenantry execution tasks exe_01k9…")]
    Execution(execution::Execution),
    /// Schedules: workflows that start by themselves
    #[command(subcommand)]
    #[command(after_help = "Examples:
  tenantry schedule create quote --every 15m
  tenantry schedule upcoming sch_01k9…")]
    Schedule(schedule::Schedule),
    /// The audit log: who did what
    #[command(subcommand)]
    #[command(after_help = "Examples:
  tenantry audit list --action user.create
  tenantry audit verify")]
    Audit(audit::Audit),
    Export(export::Export),
    Import(import::Import),
    /// Show who you are to the server
    Me(me::Me),
}

impl Command {
    /// The flags of the connection that mean nothing to a command (`"serve"`), whose help does not show them.
    pub(crate) const UNUSED_FLAGS: &[(&str, &[&str])] = &[
        ("dev", Flags::ALL),
        ("serve", Flags::ALL),
        ("completions", Flags::ALL),
        ("migrate", Flags::OF_SERVER),
        ("bootstrap", Flags::OF_SERVER),
    ];

    /// Does it.
    pub(crate) async fn run(self, connection: Flags) -> Result<(), Failure> {
        match self {
            Self::Dev(dev) => Box::pin(dev.run()).await,
            Self::Serve(serve) => Box::pin(serve.run()).await,
            Self::Migrate(migrate) => migrate.run(connection.output).await,
            Self::Bootstrap(bootstrap) => bootstrap.run(connection.output).await,
            Self::Profile(profile) => profile.run(connection).await,
            Self::Completions(completions) => completions.run(),
            Self::OfUser(command) => {
                let flags = connection.clone();
                match Box::pin(command.run(connection)).await {
                    Err(failure) if failure.is_refusal() => Err(failure.advised(&flags.open()?).await),
                    outcome => outcome,
                }
            }
        }
    }
}

impl OfUser {
    async fn run(self, connection: Flags) -> Result<(), Failure> {
        match self {
            Self::Org(org) => org.run(connection.open()?).await,
            Self::User(user) => user.run(connection.open()?).await,
            Self::Apikey(apikey) => apikey.run(connection.open()?).await,
            Self::Workflow(workflow) => workflow.run(connection).await,
            Self::Run(run) => run.run(connection.open()?).await,
            Self::Execution(execution) => execution.run(connection.open()?).await,
            Self::Schedule(schedule) => schedule.run(connection.open()?).await,
            Self::Audit(audit) => audit.run(connection.open()?).await,
            Self::Export(export) => export.run(connection.open()?).await,
            Self::Import(import) => import.run(connection.open()?).await,
            Self::Me(me) => me.run(connection.open()?).await,
        }
    }
}
