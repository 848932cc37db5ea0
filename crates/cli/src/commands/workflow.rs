//! Workflows: the definitions.

mod apply;
mod change;
mod check;
mod definition;
mod documents;
mod graph;
mod init;
mod validate;

use clap::{Args, Subcommand};

use crate::{
    confirm::confirm,
    connection::{Flags, Session},
    failure::Failure,
    paging::Paging,
};

const COLUMNS: &[&str] = &["name", "revision", "document_version", "created_at", "created_by"];
const REVISION_COLUMNS: &[&str] = &["revision", "document_version", "digest", "created_at", "created_by"];
const FIELDS: &[&str] =
    &["name", "revision", "document_version", "digest", "created_at", "created_by", "definition"];

/// What to do with workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum Workflow {
    /// Write a definition to begin with into the present folder
    #[command(after_help = "Example:\n  tenantry workflow init hello")]
    Init(init::Init),
    /// Upload definitions; a changed one becomes a new revision
    ///
    /// All of them are validated first: if one has a problem, none is uploaded. A file may hold several, separated by `---`.
    #[command(after_help = "Examples:
  tenantry workflow apply quote.yaml
  tenantry workflow apply definitions/ --dry-run")]
    Apply(apply::Apply),
    /// Say what is wrong with definitions, without uploading them
    #[command(after_help = "Examples:
  tenantry workflow validate quote.yaml
  tenantry workflow validate definitions/ -o json")]
    Validate(validate::Validate),
    /// List the workflows
    #[command(after_help = "Example:\n  tenantry workflow list")]
    List(Paging),
    /// Show a workflow: its latest revision, or another
    #[command(after_help = "Examples:
  tenantry workflow get quote -o yaml
  tenantry workflow get quote --revision 1")]
    Get(Revision),
    /// List the revisions of a workflow, newest first
    #[command(after_help = "Example:\n  tenantry workflow revisions quote")]
    Revisions {
        /// Its name
        name: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Delete a workflow; what it has started goes on
    ///
    /// It can be uploaded again; its revisions then go on where they ended. While schedules start it, it is not deleted.
    #[command(after_help = "Example:\n  tenantry workflow delete quote --yes")]
    Delete {
        /// Its name
        name: String,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
    /// Draw a definition as a Mermaid flowchart
    #[command(after_help = "Examples:
  tenantry workflow graph quote.yaml > quote.mmd
  tenantry workflow graph quote --revision 1")]
    Graph(graph::Graph),
}

/// A revision of a workflow.
#[derive(Args, Debug)]
pub(crate) struct Revision {
    /// The workflow's name
    name: String,
    /// Which revision [default: the latest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    revision: Option<i32>,
}

impl Workflow {
    pub(crate) async fn run(self, connection: Flags) -> Result<(), Failure> {
        match self {
            Self::Init(init) => init.run(),
            Self::Graph(graph) => graph.run(connection).await,
            Self::Apply(apply) => apply.run(&connection.open()?).await,
            Self::Validate(validate) => validate.run(&connection.open()?).await,
            Self::List(paging) => list(&connection.open()?, paging).await,
            Self::Get(revision) => get(&connection.open()?, &revision).await,
            Self::Revisions { name, paging } => revisions(&connection.open()?, &name, paging).await,
            Self::Delete { name, yes } => {
                confirm(&format!("delete the workflow {name}?"), yes)?;
                delete(&connection.open()?, &name).await
            }
        }
    }
}

async fn list(session: &Session, paging: Paging) -> Result<(), Failure> {
    let list = paging.fetch(session.client.workflows().list()).await?;
    Ok(session.output.many(list, COLUMNS)?)
}

async fn get(session: &Session, revision: &Revision) -> Result<(), Failure> {
    Ok(session.output.one(&revision.fetch(session).await?, FIELDS)?)
}

impl Revision {
    async fn fetch(&self, session: &Session) -> Result<serde_json::Value, tenantry_client::Error> {
        let workflows = session.client.workflows();
        let call = match self.revision {
            None => workflows.get(&self.name),
            Some(revision) => workflows.revision(&self.name, revision),
        };
        call.raw().send().await
    }
}

async fn revisions(session: &Session, name: &str, paging: Paging) -> Result<(), Failure> {
    let list = paging.fetch(session.client.workflows().revisions(name)).await?;
    Ok(session.output.many(list, REVISION_COLUMNS)?)
}

async fn delete(session: &Session, name: &str) -> Result<(), Failure> {
    let deleted = session.client.workflows().delete(name).raw().send().await?;
    Ok(session.output.sentence(&deleted, &format!("deleted {name}"))?)
}
