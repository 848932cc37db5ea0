//! What goes to stdout: tables for people, JSON and YAML for programs.

mod table;
mod yaml;

use std::{
    borrow::Cow,
    env,
    io::{self, IsTerminal as _, Write as _},
};

use clap::ValueEnum;
use serde_json::Value;

/// How to print what the server answers: aligned columns with the most useful fields, or the API's `data`, unchanged.
// The variants have no comments of their own, because clap would spread the help over many lines for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Yaml,
}

impl Format {
    /// Prints one thing: in a table these of its fields, a nested one as `user.name`.
    pub(crate) fn one(self, thing: &Value, fields: &[&str]) -> io::Result<()> {
        match self {
            Self::Table => print(&table::record(thing, fields)),
            Self::Json | Self::Yaml => self.value(thing),
        }
    }

    /// Prints a list: in a table these of its items' fields.
    pub(crate) fn many(self, things: Vec<Value>, fields: &[&str]) -> io::Result<()> {
        match self {
            Self::Table => print(&table::rows(&things, fields)),
            Self::Json | Self::Yaml => self.value(&Value::Array(things)),
        }
    }

    /// Whether it is for people.
    pub(crate) fn is_table(self) -> bool {
        matches!(self, Self::Table)
    }

    /// Prints one thing: in place of a table this sentence.
    pub(crate) fn sentence(self, thing: &Value, sentence: &str) -> io::Result<()> {
        match self {
            Self::Table => print(&plain(sentence)),
            Self::Json | Self::Yaml => self.value(thing),
        }
    }

    /// Prints a thing for programs, and nothing in place of a table: stderr tells people.
    pub(crate) fn data(self, thing: &Value) -> io::Result<()> {
        match self {
            Self::Table => Ok(()),
            Self::Json | Self::Yaml => self.value(thing),
        }
    }

    /// Prints a value as YAML if that is asked for, else as JSON.
    pub(crate) fn value(self, value: &Value) -> io::Result<()> {
        match self {
            Self::Yaml => print(&yaml::write(value)),
            Self::Table | Self::Json => print(&serde_json::to_string_pretty(value)?),
        }
    }
}

/// A value as YAML.
pub(crate) fn as_yaml(value: &Value) -> String {
    yaml::write(value)
}

/// Whether text gets colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Coloured,
}

impl Paint {
    /// What stdout shows: colours on a terminal, unless `NO_COLOR` says otherwise (no-color.org).
    pub(crate) fn of_stdout() -> Self {
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let able = env::var_os("TERM").is_some_and(|terminal| terminal != "dumb");
        if io::stdout().is_terminal() && able && !unwanted { Self::Coloured } else { Self::Plain }
    }

    /// The text in a colour, which is a parameter of SGR (ECMA-48, 8.3.117).
    pub(crate) fn apply(self, colour: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
        }
    }
}

/// Tells the user something beside the answer, on stderr.
pub(crate) fn note(text: &str) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{}", plain(text));
}

/// The text without what could command a terminal: the server repeats what strangers wrote.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|c| match c {
        '\n' | '\t' => c.to_string(),
        c if commands(c) => c.escape_default().to_string(),
        c => c.to_string(),
    });
    Cow::Owned(escaped.collect())
}

/// The same as one line, so that what is quoted cannot look like a line of ours.
pub(crate) fn one_line(text: &str) -> String {
    plain(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// Whether it does something to a terminal, or to the order of what stands beside it (Unicode's bidirectional controls).
fn commands(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Prints text that stands for itself, with one line break at its end.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.trim_end_matches('\n').as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_not_let_a_stranger_command_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{9b}2J\r"), "a\\u{1b}[31mb\\u{9b}2J\\r");
        assert_eq!(plain("a\u{202e}b\u{2066}c"), "a\\u{202e}b\\u{2066}c");
        assert_eq!(plain("two\n\tlines"), "two\n\tlines");
    }
}
