//! Organizations.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::Value;
use tenantry_client::{
    Call,
    audit::Filter,
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
        /// Its slug or id [default: that of --org, else your own]
        organization: Option<String>,
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
    /// Erase an organization and all it owns: at once for everybody, and bit by bit in PostgreSQL and Temporal
    #[command(after_help = "Examples:
  tenantry org delete acme --confirm acme
  tenantry org delete acme --confirm acme --wait")]
    Delete {
        /// Its slug or id
        organization: String,
        /// Its slug, to say that you mean it
        #[arg(long, value_name = "SLUG")]
        confirm: String,
        /// Return when nothing is left of it
        #[arg(long)]
        wait: bool,
    },
    /// Show what an organization may have, or set it
    #[command(after_help = "Examples:
  tenantry org quotas acme
  tenantry org quotas acme --set users=20 --set workflows=50")]
    Quotas {
        /// Its slug or id [default: that of --org, else your own]
        organization: Option<String>,
        /// A limit to set
        #[arg(long, value_name = "QUOTA=N", value_parser = parse_limit)]
        set: Vec<(String, u32)>,
    },
    /// Show what an organization has of what it may have
    #[command(after_help = "Example:\n  tenantry org usage acme")]
    Usage {
        /// Its slug or id [default: that of --org, else your own]
        organization: Option<String>,
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
            Self::Get { organization } => {
                let organization = session.organization_or(organization).await?;
                show(&session, organizations.get(&organization)).await
            }
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
            Self::Delete { organization, confirm, wait } => {
                delete(&session, &organization, &confirm, wait).await
            }
            Self::Quotas { organization, set } => {
                let organization = session.organization_or(organization).await?;
                if set.is_empty() {
                    return numbers(&session, organizations.quotas(&organization)).await;
                }
                let limits = set.into_iter().collect();
                numbers(&session, organizations.set_quotas(&organization, &limits)).await
            }
            Self::Usage { organization } => {
                let organization = session.organization_or(organization).await?;
                numbers(&session, organizations.usage(&organization)).await
            }
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

async fn delete(session: &Session, organization: &str, confirm: &str, wait: bool) -> Result<(), Failure> {
    let organizations = session.client.organizations();
    // Once it is deleted, nobody can be asked for its id.
    let id = if wait { Some(organizations.get(organization).send().await?.id) } else { None };
    let deleted = organizations.delete(organization, confirm).raw().send().await?;
    let sentence = match id {
        Some(id) => {
            erased(session, organization, &id).await?;
            format!("{organization} is gone, and so is all it owned")
        }
        None => format!("{organization} is gone; its data is being erased"),
    };
    Ok(session.output.sentence(&deleted, &sentence)?)
}

/// Waits until the audit log of the deployment says that an organization was erased.
async fn erased(session: &Session, organization: &str, id: &str) -> Result<(), Failure> {
    let client = session.client.clone().without_organization();
    let (progress, since) = (Progress::new(), Instant::now());
    let filter = Filter {
        action: Some("organization.erase".to_owned()),
        resource: Some(id.to_owned()),
        ..Filter::default()
    };
    let ask = async || {
        let found = client.audit().list(&filter).limit(1).page().await?;
        progress.show(&format!("{organization} is being erased, {} s", since.elapsed().as_secs()));
        Ok(found.items)
    };
    poll::until(&progress, ask, |entries| !entries.is_empty()).await.map(drop).map_err(|error| {
        let look = format!("it goes on by itself: `tenantry audit list --action organization.erase --resource {id}` shows its end");
        Failure::from(error).with_hint(look)
    })
}

fn status(organization: &Value) -> OrganizationStatus {
    serde_json::from_value(organization["status"].clone()).unwrap_or(OrganizationStatus::Unknown)
}

fn not_provisioned(organization: &Value) -> Failure {
    let reason = organization["status_reason"].as_str().unwrap_or("the server does not say why");
    Failure::new(Exit::Failed, "provisioning_failed", reason).with_hint("the server's log says more")
}
