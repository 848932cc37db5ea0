//! `workflow apply`: all or, if one of them cannot be right, none.

use clap::Args;
use serde_json::Value;
use tenantry_client::{Answer, Error};

use super::{
    change::Change,
    check::{self, Findings},
    definition::Definition,
    documents::Documents,
};
use crate::{connection::Session, failure::Failure};

/// Definitions to upload.
#[derive(Args, Debug)]
pub(crate) struct Apply {
    /// Files in YAML or JSON, folders of such files, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Show what would change, and upload nothing
    #[arg(long)]
    dry_run: bool,
}

impl Apply {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let documents = Documents::read(&self.paths)?;
        documents.check_names()?;
        match &documents.definitions[..] {
            [one] if documents.is_one && !self.dry_run => apply_one(session, one).await,
            _ => {
                Findings::of(session, &documents).await?.settle()?;
                if self.dry_run {
                    tell_changes(session, &documents).await
                } else {
                    apply_all(session, &documents).await
                }
            }
        }
    }
}

/// What an upload did.
struct Applied {
    workflow: Value,
    sentence: String,
}

/// One needs no check before: an upload is one.
async fn apply_one(session: &Session, definition: &Definition) -> Result<(), Failure> {
    let Applied { workflow, sentence } = upload(session, definition).await?;
    Ok(session.output.sentence(&workflow, &sentence)?)
}

async fn apply_all(session: &Session, documents: &Documents) -> Result<(), Failure> {
    let mut workflows = Vec::new();
    let mut failed = Ok(());
    for (done, definition) in documents.definitions.iter().enumerate() {
        match upload(session, definition).await {
            Ok(applied) => {
                if session.output.is_table() {
                    session.output.sentence(&applied.workflow, &applied.sentence)?;
                }
                workflows.push(applied.workflow);
            }
            Err(failure) => {
                let left = documents.definitions.len() - done;
                failed =
                    Err(failure.with_details([format!("  {done} were applied before it, {left} were not")]));
                break;
            }
        }
    }
    session.output.data(&workflows.into())?;
    failed
}

async fn upload(session: &Session, definition: &Definition) -> Result<Applied, Failure> {
    let name = name_of(session, definition).await?;
    let put = || session.client.workflows().put(name, definition.source()).raw().answer();
    match check::patiently(put).await {
        Ok(Answer { status, data: workflow, .. }) => {
            let verb = if status == 201 { "applied" } else { "unchanged" };
            let sentence = format!("{verb} {name} revision {}", workflow["revision"]);
            Ok(Applied { workflow, sentence })
        }
        Err(Error::Api(problem)) if matches!(problem.status, 400 | 422) => {
            // The refusal may have the lines; if not, the validation has.
            let has_lines = problem.errors.iter().any(|defect| defect.line.is_some());
            let defects =
                if has_lines { problem.errors.clone() } else { check::defects(session, definition).await? };
            Findings::of_one(definition, defects).settle()?;
            Err(Error::Api(problem).into())
        }
        Err(error) => Err(check::failed(definition, error)),
    }
}

/// A definition's name; or what the server finds wrong with one that has none.
async fn name_of<'d>(session: &Session, definition: &'d Definition) -> Result<&'d str, Failure> {
    if let Some(name) = &definition.name {
        return Ok(name);
    }
    Findings::of_one(definition, check::defects(session, definition).await?).settle()?;
    Err(Failure::invalid(format!("{} has no document.name", definition.place)))
}

async fn tell_changes(session: &Session, documents: &Documents) -> Result<(), Failure> {
    let mut changes = Vec::new();
    for definition in &documents.definitions {
        let name = name_of(session, definition).await?;
        let change = Change::of(session, definition, name).await?;
        if session.output.is_table() {
            change.show()?;
        }
        changes.push(change.report(definition));
    }
    Ok(session.output.data(&changes.into())?)
}
