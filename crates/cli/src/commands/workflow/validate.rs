//! `workflow validate`: says what is wrong, and keeps nothing.

use clap::Args;
use serde_json::Value;

use super::{check::Findings, documents::Documents};
use crate::{connection::Session, failure::Failure};

/// Definitions to look at.
#[derive(Args, Debug)]
pub(crate) struct Validate {
    /// Files in YAML or JSON, folders of such files, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
}

impl Validate {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let documents = Documents::read(&self.paths)?;
        let findings = Findings::of(session, &documents).await?;
        let report: Value = findings.all().map(|(definition, defect)| definition.report(defect)).collect();
        session.output.data(&report)?;
        findings.settle()?;
        documents.check_names()?;
        if session.output.is_table() {
            for definition in &documents.definitions {
                session.output.sentence(&Value::Null, &format!("{} is valid", definition.place))?;
            }
        }
        Ok(())
    }
}
