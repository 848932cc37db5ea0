//! Organizations.

use clap::{Args, Subcommand};
use serde_json::Value;
use tenantry_client::organizations::{NewOrganization, OrganizationStatus};
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
                let organization = organizations.get(&organization).raw().send().await?;
                Ok(session.output.one(&organization, FIELDS)?)
            }
        }
    }
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
