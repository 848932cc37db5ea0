//! Organizations.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::Value;
use tenantry_client::{
    Call,
    organizations::{NewOrganization, Organization, OrganizationStatus},
};
use tokio::time::Instant;

use crate::{
    connection::Session,
    failure::{Exit, Failure},
    paging::Paging,
    poll,
    progress::Progress,
};

const COLUMNS: &[&str] = &["slug", "name", "status", "id", "created_at"];
const FIELDS: &[&str] =
    &["id", "slug", "name", "status", "status_reason", "namespace", "created_at", "updated_at"];

/// What to do with organizations.
#[derive(Debug, Subcommand)]
pub(crate) enum Org {
    /// Make an organization, and wait until it is ready
    #[command(after_help = "Example:\n  tenantry org create acme --name \"Acme Corporation\"")]
    Create(Create),
    /// List the organizations
    #[command(after_help = "Example:\n  tenantry org list --all -o json")]
    List(Paging),
    /// Show one organization
    #[command(after_help = "Example:\n  tenantry org get acme")]
    Get {
        /// Its slug or id
        organization: String,
    },
    /// Rename an organization; its slug stays
    #[command(after_help = "Example:\n  tenantry org update acme --name \"Acme Limited\"")]
    Update {
        /// Its slug or id
        organization: String,
        /// What people call it from now on
        #[arg(long)]
        name: String,
    },
    /// Stop an organization: its keys are refused and its executions pause
    #[command(after_help = "Example:\n  tenantry org suspend acme --cancel-executions")]
    Suspend {
        /// Its slug or id
        organization: String,
        /// Ask its executions to stop instead of pausing them
        #[arg(long)]
        cancel_executions: bool,
    },
    /// Let a suspended organization go on where it was
    #[command(after_help = "Example:\n  tenantry org resume acme")]
    Resume {
        /// Its slug or id
        organization: String,
    },
    /// Try again to make an organization's namespace
    #[command(after_help = "Example:\n  tenantry org retry-provisioning acme")]
    RetryProvisioning {
        /// Its slug or id
        organization: String,
    },
    /// Erase an organization and all it owns
    #[command(after_help = "Example:\n  tenantry org delete acme --confirm acme")]
    Delete {
        /// Its slug or id
        organization: String,
        /// Its slug, to say that you mean it
        #[arg(long, value_name = "SLUG")]
        confirm: String,
    },
    /// Show what an organization may have, or set it
    #[command(after_help = "Example:\n  tenantry org quotas acme --set users=20 --set workflows=50")]
    Quotas {
        /// Its slug or id
        organization: String,
        /// A limit to set
        #[arg(long, value_name = "QUOTA=N", value_parser = parse_limit)]
        set: Vec<(String, u32)>,
    },
    /// Show what an organization has of what it may have
    #[command(after_help = "Example:\n  tenantry org usage acme")]
    Usage {
        /// Its slug or id
        organization: String,
    },
}

/// An organization to make.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// Its name in URLs and commands, for ever: a-z, 0-9 and hyphens
    slug: String,
    /// What people call it
    #[arg(long)]
    name: String,
    /// Wait until it is active; this is the default
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Return at once, while it is provisioning
    #[arg(long, overrides_with = "wait")]
    no_wait: bool,
}

impl Org {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let organizations = session.client.organizations();
        match self {
            Self::Create(create) => create.run(&session).await,
            Self::List(paging) => {
                let list = paging.fetch(organizations.list()).await?;
                Ok(session.output.many(list, COLUMNS)?)
            }
            Self::Get { organization } => show(&session, organizations.get(&organization)).await,
            Self::Update { organization, name } => {
                show(&session, organizations.rename(&organization, &name)).await
            }
            Self::Suspend { organization, cancel_executions } => {
                show(&session, organizations.suspend(&organization, cancel_executions)).await
            }
            Self::Resume { organization } => show(&session, organizations.resume(&organization)).await,
            Self::RetryProvisioning { organization } => {
                show(&session, organizations.retry_provisioning(&organization)).await
            }
            Self::Delete { organization, confirm } => {
                let deleted = organizations.delete(&organization, &confirm).raw().send().await?;
                Ok(session
                    .output
                    .sentence(&deleted, &format!("{organization} is gone; its data is being erased"))?)
            }
            Self::Quotas { organization, set } if set.is_empty() => {
                numbers(&session, organizations.quotas(&organization)).await
            }
            Self::Quotas { organization, set } => {
                let limits = set.into_iter().collect();
                numbers(&session, organizations.set_quotas(&organization, &limits)).await
            }
            Self::Usage { organization } => numbers(&session, organizations.usage(&organization)).await,
        }
    }
}

async fn show(session: &Session, call: Call<Organization>) -> Result<(), Failure> {
    Ok(session.output.one(&call.raw().send().await?, FIELDS)?)
}

async fn numbers(session: &Session, call: Call<BTreeMap<String, u32>>) -> Result<(), Failure> {
    let numbers = call.raw().send().await?;
    let names: Vec<_> = numbers.as_object().into_iter().flat_map(|numbers| numbers.keys()).collect();
    let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
    Ok(session.output.one(&numbers, &names)?)
}

fn parse_limit(text: &str) -> Result<(String, u32), String> {
    let (quota, limit) = text.split_once('=').ok_or("must be a quota and a number, such as users=20")?;
    let limit = limit.parse().map_err(|_| format!("{limit:?} is no number"))?;
    Ok((quota.to_owned(), limit))
}

impl Create {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let new = NewOrganization { slug: self.slug, name: self.name };
        let mut organization = session.client.organizations().create(&new).raw().send().await?;
        if !self.no_wait {
            organization = settle(session, &new.slug).await?;
        }
        session.output.one(&organization, FIELDS)?;
        match status(&organization) {
            OrganizationStatus::ProvisioningFailed => Err(not_provisioned(&organization)),
            _ => Ok(()),
        }
    }
}

/// Waits until an organization is provisioned, or will not be.
async fn settle(session: &Session, slug: &str) -> Result<Value, tenantry_client::Error> {
    let (progress, since) = (Progress::new(), Instant::now());
    let ask = async || {
        let organization = session.client.organizations().get(slug).raw().send().await?;
        progress.show(&format!("{slug} is provisioning, {} s", since.elapsed().as_secs()));
        Ok(organization)
    };
    poll::until(&progress, ask, |organization| status(organization) != OrganizationStatus::Provisioning).await
}

fn status(organization: &Value) -> OrganizationStatus {
    serde_json::from_value(organization["status"].clone()).unwrap_or(OrganizationStatus::Unknown)
}

fn not_provisioned(organization: &Value) -> Failure {
    let reason = organization["status_reason"].as_str().unwrap_or("the server does not say why");
    Failure::new(Exit::Failed, "provisioning_failed", reason).with_hint("the server's log says more")
}
