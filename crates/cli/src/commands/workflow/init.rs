//! `workflow init`: a definition to begin with, which teaches what it does.

use std::{
    fs::File,
    io::{self, ErrorKind, Write as _},
};

use clap::Args;
use tenantry_domain::WorkflowName;

use crate::{failure::Failure, output};

/// What it is called when nobody says.
const NAME: &str = "hello";

const DEFINITION: &str = include_str!("init.yaml");

/// A definition to write.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// What the workflow is to be called: a-z, 0-9 and hyphens
    #[arg(default_value = NAME, value_parser = parse_name)]
    name: WorkflowName,
}

fn parse_name(text: &str) -> Result<WorkflowName, String> {
    WorkflowName::parse(text).map_err(|invalid| invalid.message.into_owned())
}

impl Init {
    /// Writes it into the present folder, where no such file is.
    pub(super) fn run(self) -> Result<(), Failure> {
        let (name, path) = (&self.name, format!("{}.yaml", self.name));
        write_new(&path, &definition(name)).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                Failure::invalid(format!("{path} is there already, and stays as it is"))
                    .with_hint("choose another name: `tenantry workflow init NAME`")
            }
            _ => Failure::invalid(format!("cannot write {path}: {error}")),
        })?;
        Ok(output::print(&format!(
            "wrote {path}; try it with\n\n  tenantry workflow apply {path}\n  tenantry run {name} --input '{{\"name\": \"Ada\"}}' --wait"
        ))?)
    }
}

fn definition(name: &WorkflowName) -> String {
    DEFINITION.replace("NAME", name.as_str())
}

fn write_new(path: &str, text: &str) -> io::Result<()> {
    File::create_new(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use tenantry_dsl::read_value;

    use super::*;

    #[test]
    fn should_write_a_definition_of_that_name() {
        let name = WorkflowName::parse("night-shift").expect("a name");
        let written = read_value(&definition(&name)).expect("YAML");
        assert_eq!(written["document"]["name"], "night-shift");
        assert!(!definition(&name).contains("NAME"));
    }
}
