//! What an upload would change.

use std::{io, time::Duration};

use serde_json::{Map, Value, json};
use similar::TextDiff;
use tenantry_client::Error;

use super::{check, definition::Definition};
use crate::{
    connection::Session,
    failure::Failure,
    output::{self, Paint},
};

/// How many lines around a change are shown.
const CONTEXT: usize = 3;
/// How long the shortest difference is looked for; then any will do.
const PATIENCE: Duration = Duration::from_secs(1);
/// What a definition begins with, when it is shown in an order that does not depend on how it was written.
const FIRST: &[&str] = &["document", "input", "use", "timeout", "schedule", "evaluate", "do", "output"];

/// What an upload would change of the workflow of this name.
#[derive(Debug)]
pub(super) struct Change {
    name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    New,
    Unchanged { revision: Value },
    Changed { revision: Value, diff: String },
}

impl Change {
    /// Compares with the latest revision that the server has.
    pub(super) async fn of(session: &Session, definition: &Definition, name: &str) -> Result<Self, Failure> {
        let latest = check::patiently(|| session.client.workflows().get(name).raw().send()).await;
        let kind = match latest {
            Ok(latest) => Kind::between(name, &latest, definition)?,
            Err(Error::Api(problem)) if problem.status == 404 => Kind::New,
            Err(error) => return Err(check::failed(definition, error)),
        };
        Ok(Self { name: name.to_owned(), kind })
    }

    /// Shows it, with colours if somebody sees them.
    pub(super) fn show(&self) -> io::Result<()> {
        let name = &self.name;
        match &self.kind {
            Kind::New => output::print(&output::plain(&format!("new {name}"))),
            Kind::Unchanged { revision } => {
                output::print(&output::plain(&format!("unchanged {name} revision {revision}")))
            }
            Kind::Changed { revision, diff } => {
                output::print(&output::plain(&format!("changed {name} revision {revision}")))?;
                output::print(&painted(diff, Paint::of_stdout()))
            }
        }
    }

    /// The same for programs.
    pub(super) fn report(&self, definition: &Definition) -> Value {
        let (change, revision, diff) = match &self.kind {
            Kind::New => ("new", None, None),
            Kind::Unchanged { revision } => ("unchanged", Some(revision), None),
            Kind::Changed { revision, diff } => ("changed", Some(revision), Some(diff)),
        };
        json!({ "file": definition.file, "name": self.name, "change": change, "revision": revision, "diff": diff })
    }
}

impl Kind {
    fn between(name: &str, latest: &Value, definition: &Definition) -> Result<Self, Failure> {
        let ours = tenantry_dsl::read_value(&definition.text)
            .map_err(|error| Failure::invalid(format!("cannot read {}: {error}", definition.place)))?;
        let (theirs, revision) = (&latest["definition"], latest["revision"].clone());
        if ours == *theirs {
            return Ok(Self::Unchanged { revision });
        }
        let header = (format!("{name} revision {revision}"), definition.place.clone());
        Ok(Self::Changed { revision, diff: difference(&header, theirs, &ours) })
    }
}

/// The difference of two definitions, as a unified diff of both in YAML.
fn difference((of, to): &(String, String), before: &Value, after: &Value) -> String {
    let written = |value: &Value| output::as_yaml(&in_order(value, FIRST)).trim_end().to_owned() + "\n";
    let (before, after) = (written(before), written(after));
    let mut diff = TextDiff::configure();
    let diff = diff.timeout(PATIENCE).diff_lines(&before, &after);
    diff.unified_diff().context_radius(CONTEXT).header(of, to).to_string()
}

/// The value with the members of each object in an order of their own: at the top these first, then by name.
fn in_order(value: &Value, first: &[&str]) -> Value {
    match value {
        Value::Object(members) => {
            let rank = |name: &str| first.iter().position(|known| *known == name).unwrap_or(first.len());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| (rank(name), name.as_str()));
            let ordered = members.into_iter().map(|(name, value)| (name.clone(), in_order(value, &[])));
            Value::Object(ordered.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| in_order(item, &[])).collect(),
        simple => simple.clone(),
    }
}

/// The lines of a diff, painted as people know them.
fn painted(diff: &str, paint: Paint) -> String {
    let line = |line: &str| {
        let text = output::plain(line);
        let colour = match line.as_bytes() {
            [b'-', b'-', b'-', b' ', ..] | [b'+', b'+', b'+', b' ', ..] => "1",
            [b'-', ..] => "31",
            [b'+', ..] => "32",
            [b'@', ..] => "36",
            _ => return text.into_owned(),
        };
        paint.apply(colour, &text)
    };
    diff.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> (String, String) {
        ("quote revision 1".to_owned(), "quote.yaml".to_owned())
    }

    #[test]
    fn should_show_what_changes_whatever_the_order_of_members() {
        let before = json!({"do": [{"a": {"set": {"x": 1, "y": 2}}}], "document": {"name": "quote", "version": "1.0.0"}});
        let same = json!({"document": {"version": "1.0.0", "name": "quote"}, "do": [{"a": {"set": {"y": 2, "x": 1}}}]});
        assert_eq!(difference(&header(), &before, &same), "");
        let after = json!({"document": {"version": "1.1.0", "name": "quote"}, "do": [{"a": {"set": {"y": 2, "x": 1}}}]});
        insta::assert_snapshot!(difference(&header(), &before, &after));
    }

    #[test]
    fn should_paint_lines_and_let_nobody_else_command_the_terminal() {
        let diff = "--- a\n+++ b\n@@ -1 +1 @@\n same\n-\u{1b}[2Jold\n+new\u{9b}\n";
        assert_eq!(
            painted(diff, Paint::Plain),
            "--- a\n+++ b\n@@ -1 +1 @@\n same\n-\\u{1b}[2Jold\n+new\\u{9b}"
        );
        let coloured = painted(diff, Paint::Coloured);
        assert!(
            coloured.contains("\u{1b}[31m-\\u{1b}[2Jold\u{1b}[0m\n\u{1b}[32m+new\\u{9b}\u{1b}[0m"),
            "{coloured:?}"
        );
        assert_eq!(coloured.matches('\u{1b}').count(), 10, "each of five lines begins and ends its colour");
    }
}
