//! The audit log.

use clap::{Args, Subcommand};
use tenantry_client::{Timestamp, audit::Filter};

use crate::{
    connection::Session,
    failure::{Exit, Failure},
    paging::Paging,
};

const COLUMNS: &[&str] = &["at", "action", "outcome", "resource.id", "actor.user_id", "source_address"];

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List entries; an admin who names no organization sees those of all
    #[command(after_help = "Example:\n  tenantry audit list --action user.create --org acme")]
    List(List),
    /// Check that no entry was altered or removed
    #[command(after_help = "Example:\n  tenantry audit verify --org acme")]
    Verify,
}

/// Which entries to list.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// By this user
    #[arg(long, value_name = "USER")]
    actor: Option<String>,
    /// Of this action, such as user.create
    #[arg(long)]
    action: Option<String>,
    /// On the resource with this id
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// At this moment or later, in RFC 3339
    #[arg(long, value_name = "TIME")]
    after: Option<Timestamp>,
    /// Before this moment, in RFC 3339
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,
    #[command(flatten)]
    paging: Paging,
}

impl Audit {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        match self {
            Self::List(List { actor, action, resource, after, before, paging }) => {
                let filter = Filter { actor, action, resource, after, before };
                let entries = paging.fetch(session.client.audit().list(&filter)).await?;
                Ok(session.output.many(entries, COLUMNS)?)
            }
            Self::Verify => verify(&session).await,
        }
    }
}

async fn verify(session: &Session) -> Result<(), Failure> {
    let found = session.client.audit().verify().raw().send().await?;
    session.output.one(&found, &["valid", "entries", "broken_at"])?;
    if found["valid"] == true {
        return Ok(());
    }
    let place = &found["broken_at"];
    Err(Failure::new(Exit::Failed, "audit_broken", format!("entry {place} was altered, or is missing"))
        .with_hint("compare with a backup of the database: the entries before it are as they were written"))
}
