//! `workflow graph`: a definition as a flowchart of Mermaid.

mod flowchart;
mod label;

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};
use tenantry_domain::WorkflowName;
use tenantry_dsl::Error;

use super::{Revision, definition::Definition, documents::Documents};
use crate::{
    connection::Flags,
    failure::Failure,
    output::{Format, note, print},
};

/// A definition to draw.
#[derive(Args, Debug)]
pub(crate) struct Graph {
    /// A file in YAML or JSON, - for standard input, or the name of a workflow
    #[arg(value_name = "FILE|NAME")]
    of: String,
    /// Which revision of the workflow [default: the latest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    revision: Option<i32>,
}

impl Graph {
    /// Draws it. What can be the name of a workflow is one; a file is drawn without a server.
    pub(super) async fn run(self, connection: Flags) -> Result<(), Failure> {
        let Self { of, revision } = self;
        let output = connection.output;
        let definition = if WorkflowName::parse(&of).is_ok() {
            if Path::new(&of).is_file() {
                note(&format!("this is the workflow {of}; ./{of} is the file"));
            }
            Revision { name: of, revision }.fetch(&connection.open()?).await?["definition"].take()
        } else if revision.is_some() {
            return Err(Failure::invalid(
                "a file has no revisions; --revision is for the name of a workflow",
            ));
        } else {
            read_one(&of)?
        };
        let flowchart =
            flowchart::draw(&definition).map_err(|why| Failure::invalid(format!("cannot draw it: {why}")))?;
        draw(output, &flowchart)
    }
}

fn draw(output: Format, flowchart: &str) -> Result<(), Failure> {
    if output.is_table() {
        return Ok(print(flowchart)?);
    }
    Ok(output.value(&json!({ "mermaid": flowchart }))?)
}

/// The one definition of a file.
fn read_one(path: &str) -> Result<Value, Failure> {
    let documents = Documents::read(&[path.to_owned()])?;
    let [definition] = &documents.definitions[..] else {
        let count = documents.definitions.len();
        return Err(Failure::invalid(format!("there are {count} definitions in {path}; a graph is of one")));
    };
    tenantry_dsl::read_value(&definition.text).map_err(|error| unreadable(definition, &error))
}

fn unreadable(definition: &Definition, error: &Error) -> Failure {
    let defects = error.problems().iter().filter_map(|problem| serde_json::from_value(json!(problem)).ok());
    let diagnostics = defects.map(|defect| definition.diagnostic(&defect));
    Failure::invalid(format!("cannot read {}", definition.place)).with_details(diagnostics)
}
