//! The command's reference, `docs/command.md`, written from its arguments.

use std::{env, fmt::Write as _, fs, path::Path};

use clap::{Arg, ArgAction, Command};

use crate::{arguments, connection::Flags};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/command.md");
/// Set to write the file anew; `make reference` does.
const RENEW: &str = "TENANTRY_RENEW_REFERENCE";

const INTRODUCTION: &str = "\
# The command

<!-- Written by `make reference` from what `tenantry --help` says; changes made here are lost. -->

`tenantry` runs the server, and calls it for its users. Each command says the same as this page with `--help`.

An answer goes to standard output; errors, hints and progress go to standard error. With `-o json` or `-o yaml`, standard output is
one document: the API's `data`, unchanged, or `null` where the API answers with nothing, as to a deletion. A new secret is in its
`secret`, and nowhere else.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage or input |
| 3 | not authenticated or not permitted |
| 4 | not found |
| 5 | the server cannot be reached, or cannot serve now |
";

/// The whole page.
fn page() -> String {
    let command = arguments::command();
    let mut page = INTRODUCTION.to_owned();
    let global: Vec<_> =
        command.get_arguments().filter(|arg| Flags::ALL.contains(&arg.get_id().as_str())).collect();
    page.push_str("\n## Connection and output\n\nThe flags of every command that calls the server, before or after its words:\n\n");
    for arg in global {
        option(&mut page, arg);
    }
    section(&mut page, &command, "tenantry", 2);
    page
}

fn section(page: &mut String, command: &Command, words: &str, level: usize) {
    let mut all: Vec<_> = command.get_subcommands().filter(|below| below.get_name() != "help").collect();
    all.sort_by_key(|below| below.get_display_order());
    for below in all {
        let words = format!("{words} {}", below.get_name());
        let _ = writeln!(page, "\n{} {words}\n", "#".repeat(level));
        describe(page, below);
        section(page, below, &words, level + 1);
    }
}

fn describe(page: &mut String, command: &Command) {
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let (summary, more) = about.split_once("\n\n").unwrap_or((&about, ""));
    let aliases: Vec<_> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    let aliases = if aliases.is_empty() { String::new() } else { format!(" (also {})", aliases.join(", ")) };
    let usage = command.clone().render_usage().to_string();
    let _ = writeln!(page, "{}{aliases}.\n", text(summary));
    if !more.is_empty() {
        let _ = writeln!(page, "{}\n", text(more));
    }
    let _ = writeln!(page, "```text\n{}\n```", usage.trim_start_matches("Usage: ").trim_end());
    let own = |arg: &&Arg| {
        let is_built_in =
            matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::Version);
        !is_built_in && !arg.is_hide_set() && !Flags::ALL.contains(&arg.get_id().as_str())
    };
    let options: Vec<_> = command.get_arguments().filter(own).collect();
    if !options.is_empty() {
        page.push('\n');
        for arg in options {
            option(page, arg);
        }
    }
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    examples.split("\n\n").for_each(|part| paragraph(page, part));
}

/// Examples stand in a block of their own, what else there is to say does not.
fn paragraph(page: &mut String, part: &str) {
    match part.split_once(":\n") {
        Some((title, lines)) if title.starts_with("Example") => {
            let lines: Vec<_> = lines.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
            let _ = writeln!(page, "\n```text\n{}\n```", lines.join("\n"));
        }
        _ => {
            let _ = writeln!(page, "\n{}", text(part));
        }
    }
}

/// A flag or an argument: how it is written, what it does, and what holds without it.
fn option(page: &mut String, arg: &Arg) {
    let mut notes = Vec::new();
    if arg.is_required_set() {
        notes.push("required".to_owned());
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && takes_values(arg) {
        notes.push(format!("default: `{}`", defaults.join(" ")).replace("``", "nothing"));
    }
    let possible: Vec<_> =
        arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if !possible.is_empty() && takes_values(arg) {
        notes.push(format!("one of {}", possible.join(", ")));
    }
    if let Some(variable) = arg.get_env() {
        notes.push(format!("variable: `{}`", variable.to_string_lossy()));
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(page, "- `{}`: {}{notes}", spelling(arg), text(&help));
}

fn takes_values(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn spelling(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let value = names.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" ");
    if arg.is_positional() {
        return value;
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags = [short, long].into_iter().flatten().collect::<Vec<_>>().join(", ");
    if takes_values(arg) { format!("{flags} {value}") } else { flags }
}

/// Help as Markdown, in which angle brackets would be taken for tags.
fn text(help: &str) -> String {
    let mut is_code = false;
    let escape = |c: char| {
        is_code ^= c == '`';
        if c == '<' && !is_code { "\\<".to_owned() } else { c.to_string() }
    };
    help.chars().map(escape).collect()
}

#[test]
fn should_be_the_page_in_the_documentation() {
    let page = page();
    if env::var_os(RENEW).is_some() {
        fs::write(FILE, page).expect("the page");
        return;
    }
    let there = fs::read_to_string(Path::new(FILE)).unwrap_or_default();
    let line = there.lines().zip(page.lines()).position(|(there, line)| there != line);
    let line = line.unwrap_or_else(|| there.lines().count().min(page.lines().count())) + 1;
    assert!(there == page, "docs/command.md is not current at line {line}: `make reference` renews it");
}
