//! Users: people and service accounts.

use clap::{ArgGroup, Args, Subcommand};
use tenantry_client::users::{Changes, NewUser};

use crate::{connection::Session, failure::Failure, paging::Paging};

const COLUMNS: &[&str] = &["id", "name", "email", "kind", "role", "status"];
const FIELDS: &[&str] = &["id", "name", "email", "kind", "role", "status", "organization_id", "created_at"];

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Make a user: a person (--email) or a service account (--service)
    #[command(after_help = "Examples:
  tenantry user create --name Ada --email ada@example.com --role manager
  tenantry user create --name billing-worker --service --role worker --org acme")]
    Create(Create),
    /// List the users of an organization
    #[command(after_help = "Example:\n  tenantry user list --org acme")]
    List(Paging),
    /// Show one user
    #[command(after_help = "Example:\n  tenantry user get usr_01k9…")]
    Get {
        /// Its id
        user: String,
    },
    /// Change a user: what it is called, what it may do, and whether it may do it now
    #[command(after_help = "Example:\n  tenantry user update usr_01k9… --status disabled")]
    Update(Update),
    /// Remove a user, and their API keys
    #[command(after_help = "Example:\n  tenantry user delete usr_01k9…")]
    Delete {
        /// Its id
        user: String,
    },
}

/// What is to change of a user.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(["name", "role", "status"])))]
pub(crate) struct Update {
    /// Its id
    user: String,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// What it may do
    #[arg(long, value_parser = ["admin", "manager", "customer", "worker"])]
    role: Option<String>,
    /// Whether its API keys are worth anything
    #[arg(long, value_parser = ["active", "disabled"])]
    status: Option<String>,
}

/// A user to make.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("sort").required(true).args(["email", "service"])))]
pub(crate) struct Create {
    /// What people call it
    #[arg(long)]
    name: String,
    /// The address of a person
    #[arg(long)]
    email: Option<String>,
    /// A service account: a program, without an address
    #[arg(long)]
    service: bool,
    /// What it may do; workers are service accounts, admins are only in the system organization
    #[arg(long, value_parser = ["admin", "manager", "customer", "worker"])]
    role: String,
}

impl Create {
    fn into_user(self) -> NewUser {
        match self.email {
            Some(email) => NewUser::person(self.name, email, self.role),
            None => NewUser::service(self.name, self.role),
        }
    }
}

impl User {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let users = session.client.users();
        match self {
            Self::Create(create) => {
                let organization = session.organization().await?;
                let user = users.create(&organization, &create.into_user()).raw().send().await?;
                Ok(session.output.one(&user, FIELDS)?)
            }
            Self::List(paging) => {
                let organization = session.organization().await?;
                let list = paging.fetch(users.list(&organization)).await?;
                Ok(session.output.many(list, COLUMNS)?)
            }
            Self::Get { user } => {
                let user = users.get(&user).raw().send().await?;
                Ok(session.output.one(&user, FIELDS)?)
            }
            Self::Update(Update { user, name, role, status }) => {
                let changes = Changes { name, role, status };
                let user = users.update(&user, &changes).raw().send().await?;
                Ok(session.output.one(&user, FIELDS)?)
            }
            Self::Delete { user } => {
                let deleted = users.delete(&user).raw().send().await?;
                Ok(session.output.sentence(&deleted, &format!("deleted {user}"))?)
            }
        }
    }
}
