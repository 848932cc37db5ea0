//! Workflows: the definitions.

mod definition;

use clap::Subcommand;
use tenantry_client::{Defect, Error};

use crate::{
    commands::workflow::definition::Definition, connection::Session, failure::Failure, paging::Paging,
};

const COLUMNS: &[&str] = &["name", "revision", "document_version", "created_at", "created_by"];
const FIELDS: &[&str] =
    &["name", "revision", "document_version", "digest", "created_at", "created_by", "definition"];

/// What to do with workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum Workflow {
    /// Upload a definition; a changed one becomes a new revision
    #[command(after_help = "Example:\n  tenantry workflow apply quote.yaml")]
    Apply {
        /// A file in YAML or JSON, or - for standard input
        file: String,
    },
    /// Say what is wrong with a definition, without uploading it
    #[command(after_help = "Example:\n  tenantry workflow validate quote.yaml")]
    Validate {
        /// A file in YAML or JSON, or - for standard input
        file: String,
    },
    /// List the workflows
    #[command(after_help = "Example:\n  tenantry workflow list")]
    List(Paging),
    /// Show the latest revision of a workflow
    #[command(after_help = "Example:\n  tenantry workflow get quote -o yaml")]
    Get {
        /// Its name
        name: String,
    },
}

impl Workflow {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        match self {
            Self::Apply { file } => apply(&session, &Definition::read(&file)?).await,
            Self::Validate { file } => validate(&session, &Definition::read(&file)?).await,
            Self::List(paging) => {
                let list = paging.fetch(session.client.workflows().list()).await?;
                Ok(session.output.many(list, COLUMNS)?)
            }
            Self::Get { name } => {
                let workflow = session.client.workflows().get(&name).raw().send().await?;
                Ok(session.output.one(&workflow, FIELDS)?)
            }
        }
    }
}

async fn apply(session: &Session, definition: &Definition) -> Result<(), Failure> {
    let Some(name) = definition.document_name() else {
        let defects = session.client.workflows().validate(definition.source()).send().await?;
        return Err(definition.failure(&defects));
    };
    match session.client.workflows().put(&name, definition.source()).raw().send_with_status().await {
        Ok((status, workflow)) => {
            let verb = if status == 201 { "applied" } else { "unchanged" };
            let sentence = format!("{verb} {name} revision {}", workflow["revision"]);
            Ok(session.output.sentence(&workflow, &sentence)?)
        }
        Err(Error::Api(problem)) if matches!(problem.status, 400 | 422) => {
            let defects = locate(session, definition, &problem.errors).await?;
            if defects.is_empty() {
                Err(Error::Api(problem).into())
            } else {
                Err(definition.failure(&defects))
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// The defects with their lines: the refusal may have them; if not, the validation has.
async fn locate(
    session: &Session,
    definition: &Definition,
    refused: &[Defect],
) -> Result<Vec<Defect>, Error> {
    if refused.iter().any(|defect| defect.line.is_some()) {
        return Ok(refused.to_vec());
    }
    session.client.workflows().validate(definition.source()).send().await
}

async fn validate(session: &Session, definition: &Definition) -> Result<(), Failure> {
    let answer = session.client.workflows().validate(definition.source()).raw().send().await?;
    let defects: Vec<Defect> = serde_json::from_value(answer.clone())
        .map_err(|error| Error::Unexpected { status: 200, reason: error.to_string() })?;
    if !defects.is_empty() {
        session.output.data(&answer)?;
        return Err(definition.failure(&defects));
    }
    Ok(session.output.sentence(&answer, &format!("{} is valid", definition.name()))?)
}
