//! The command line as a whole.

use clap::{Arg, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};

use crate::{commands::Command, connection, hint::Asked};

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
    let mut command = command();
    let matches = command.get_matches_mut();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let connection = arguments.connection.told(&matches, asked(&command, &matches));
    Arguments { connection, ..arguments }
}

/// The command line, with the connection's flags shown only where they mean something.
pub(crate) fn command() -> clap::Command {
    let mut command = Arguments::command();
    // Only building gives the subcommands the flags that are to be hidden.
    command.build();
    let unused = Command::UNUSED_FLAGS.iter();
    unused
        .fold(command, |command, (name, flags)| command.mut_subcommand(name, |command| hide(command, flags)))
}

fn hide(command: clap::Command, flags: &[&str]) -> clap::Command {
    let is_unused = |arg: &Arg| flags.contains(&arg.get_id().as_str());
    command
        .mut_args(|arg| if is_unused(&arg) { arg.hide(true) } else { arg })
        .mut_subcommands(|command| hide(command, flags))
}

/// The nouns and the verb of a command line, and the first word after them.
fn asked(mut command: &clap::Command, mut matches: &ArgMatches) -> Asked {
    let mut words = Vec::new();
    while let Some((name, deeper)) = matches.subcommand() {
        words.push(name);
        matches = deeper;
        command = command.find_subcommand(name).unwrap_or(command);
    }
    let subject = command.get_positionals().next().and_then(|first| {
        let mut given = matches.try_get_raw(first.get_id().as_str()).ok()??;
        given.next()?.to_str().map(str::to_owned)
    });
    Asked { command: words.join(" "), subject }
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
        let mut hidden = hide(org, connection::Flags::ALL);
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

    #[test]
    fn should_say_what_was_asked_for_and_of_what() {
        for (line, command_words, subject) in [
            (&["tenantry", "org", "get", "acme"][..], "org get", Some("acme")),
            (&["tenantry", "run", "--org", "acme", "quote", "--wait"], "run", Some("quote")),
            (&["tenantry", "execution", "list"], "execution list", None),
            (&["tenantry", "org", "get"], "org get", None),
        ] {
            let mut command = command();
            let matches = command.try_get_matches_from_mut(line).expect("a good line");
            let asked = asked(&command, &matches);
            assert_eq!((asked.command.as_str(), asked.subject.as_deref()), (command_words, subject));
        }
    }

    #[test]
    fn should_not_take_what_a_command_is_about_for_a_flag_of_the_connection() {
        walk(&Arguments::command(), "tenantry", &mut |words, shown| {
            let own = shown.get_arguments().map(|arg| arg.get_id().as_str());
            let shared: Vec<_> = own.filter(|id| connection::Flags::ALL.contains(id)).collect();
            assert!(words == "tenantry" || shared.is_empty(), "{words}: {shared:?}");
        });
        let line = ["tenantry", "org", "get", "acme", "--org", "beta"];
        let matches = command().try_get_matches_from(line).expect("a good line");
        let arguments = Arguments::from_arg_matches(&matches).expect("the same");
        assert_eq!(arguments.connection.organization.as_deref(), Some("beta"));
    }

    /// Each command and what is below it, with the words that lead there.
    fn walk(command: &clap::Command, words: &str, visit: &mut impl FnMut(&str, &clap::Command)) {
        visit(words, command);
        let below = command.get_subcommands().filter(|below| below.get_name() != "help");
        below.for_each(|below| walk(below, &format!("{words} {}", below.get_name()), visit));
    }

    /// The words of an example, as a shell takes them up to a redirection, with the flags that its variables stand for.
    fn example_words(line: &str, command: &clap::Command) -> Option<Vec<String>> {
        let words = shlex::split(line)?;
        let start = words.iter().position(|word| word == "tenantry")?;
        let as_flag = |word: &String| {
            let (variable, value) = word.split_once('=')?;
            let flag =
                command.get_arguments().find(|arg| arg.get_env().is_some_and(|env| env == variable))?;
            Some(format!("--{}={value}", flag.get_long()?))
        };
        let flags: Vec<_> = words[..start].iter().filter_map(as_flag).collect();
        let words =
            words[start..].iter().take_while(|word| !["<", ">", ">>", "|", "&&"].contains(&word.as_str()));
        Some(words.cloned().chain(flags).collect())
    }

    #[test]
    fn should_give_every_command_an_example_that_it_understands() {
        let mut commands = 0;
        walk(&command(), "tenantry", &mut |words, shown| {
            commands += 1;
            let text = shown.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines = text.lines().filter(|line| line.starts_with("  "));
            let examples: Vec<_> = lines.filter_map(|line| example_words(line, shown)).collect();
            assert!(text.starts_with("Example") && !examples.is_empty(), "{words}: {text}");
            let of_it = |example: &Vec<String>| example.join(" ").starts_with(words);
            assert!(examples.iter().any(of_it), "{words} has examples of others only: {text}");
            for example in examples {
                let parsed = command().try_get_matches_from(&example);
                assert!(parsed.is_ok(), "{example:?}: {}", parsed.expect_err("a refusal"));
            }
        });
        assert!(commands > 50, "{commands}");
    }
}
