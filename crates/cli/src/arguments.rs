//! The command line as a whole.

use clap::{Arg, CommandFactory as _, FromArgMatches as _, Parser};

use crate::{commands::Command, connection};

const EXAMPLES: &str = "\
Examples:
  tenantry dev
  tenantry org create acme --name \"Acme Corporation\"
  tenantry workflow apply quote.yaml --org acme
  tenantry run quote --org acme --input '{\"amount\": 3}' --wait

Exit status: 0 done, 1 failed, 2 wrong usage or input, 3 not authenticated or not permitted, 4 not found, 5 unavailable.";

/// Multi-tenant workflows on Temporal and PostgreSQL
#[derive(Debug, Parser)]
#[command(name = "tenantry", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) connection: connection::Flags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The arguments of this process. Help and wrong usage (status 2) end it here.
pub(crate) fn parse() -> Arguments {
    let matches = command().get_matches();
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The command line, with the connection's flags shown only where they mean something.
fn command() -> clap::Command {
    let mut command = Arguments::command();
    // Only building gives the subcommands the flags that are to be hidden.
    command.build();
    Command::WITHOUT_CONNECTION
        .iter()
        .fold(command, |command, name| command.mut_subcommand(name, hide_connection))
}

fn hide_connection(command: clap::Command) -> clap::Command {
    let is_connection = |arg: &Arg| connection::Flags::IDS.contains(&arg.get_id().as_str());
    command
        .mut_args(|arg| if is_connection(&arg) { arg.hide(true) } else { arg })
        .mut_subcommands(hide_connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_describe_a_command_line_without_contradictions() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn should_hide_the_connection_of_a_command_and_of_all_below_it() {
        let mut built = Arguments::command();
        built.build();
        let org = built.find_subcommand("org").expect("a command").clone();
        let mut hidden = hide_connection(org);
        let list = hidden.find_subcommand_mut("list").expect("a verb").render_long_help().to_string();
        assert!(list.contains("--limit") && !list.contains("--api-key"), "{list}");
        assert!(!hidden.render_long_help().to_string().contains("--api-key"));
    }

    #[test]
    fn should_read_the_connection_before_and_after_the_verb() {
        for line in [
            ["tenantry", "--org", "acme", "-o", "json", "workflow", "list"],
            ["tenantry", "workflow", "list", "--org", "acme", "-o", "json"],
        ] {
            let matches = command().try_get_matches_from(line).expect("a good line");
            let arguments = Arguments::from_arg_matches(&matches).expect("the same");
            assert_eq!(arguments.connection.organization.as_deref(), Some("acme"));
        }
    }
}
