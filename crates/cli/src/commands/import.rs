//! `tenantry import`: an organization brought to what files say.

mod apply;
mod plan;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use self::plan::{Action, Item};
use crate::{
    connection::Session,
    failure::Failure,
    folder::{self, state::State},
    output::{Format, note},
    progress::Progress,
};

const COLUMNS: &[&str] = &["action", "kind", "name", "file", "changes"];

/// Bring an organization to what the files in a folder say
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tenantry import --org acme acme --dry-run
  tenantry import --org beta acme

All files are checked before anything is changed. What the organization has already is left alone, so that the same import twice
changes nothing the second time, and after a failure the rest follows with the same command. Nothing is ever deleted: what is
there and in no file is named, with the command that deletes it. Quotas are an admin's to set.")]
pub(crate) struct Import {
    /// The folder, as `tenantry export` writes it
    folder: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let contents = folder::read(&self.folder)?;
        let progress = Progress::new();
        let state = State::read(&session, &progress).await?;
        let mut items = plan::plan(&self.folder, contents, &state)?;
        apply::validate(&session, &self.folder, &items, &progress).await?;
        if self.dry_run {
            drop(progress);
            show(session.output, &items)?;
            note("nothing was changed: this was a dry run");
            return Ok(());
        }
        let outcome = apply::apply(&session, &state, &mut items, &progress).await;
        drop(progress);
        // What was done is shown also when the rest could not be.
        show(session.output, &items)?;
        match outcome {
            Ok(()) => note(&summary(&items)),
            Err((file, failure)) => return Err(failure.at(&self.folder.join(file).display().to_string())),
        }
        Ok(())
    }
}

fn show(output: Format, items: &[Item]) -> Result<(), Failure> {
    let rows = items.iter().map(|item| {
        let changes = match (output, item.hint.as_deref()) {
            (Format::Table, Some(hint)) => hint.into(),
            (Format::Table, None) => in_words(&item.changes).into(),
            _ => json!(item.changes),
        };
        json!({
            "action": item.action.word(), "kind": item.kind.word(), "name": item.name, "file": item.file,
            "changes": changes, "hint": item.hint,
        })
    });
    Ok(output.many(rows.collect(), COLUMNS)?)
}

/// Before and after of each field, as long as that fits a line.
fn in_words(changes: &folder::Thing) -> String {
    const LONGEST: usize = 60;
    let words = changes.iter().map(|(field, change)| {
        let said = format!("{field} {} → {}", plain(&change[0]), plain(&change[1]));
        if said.chars().count() > LONGEST { field.clone() } else { said }
    });
    words.collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn summary(items: &[Item]) -> String {
    let counts =
        Action::ALL.iter().map(|action| (action, items.iter().filter(|item| item.action == *action).count()));
    let words: Vec<_> = counts
        .filter(|(_, count)| *count > 0)
        .map(|(action, count)| format!("{count} {}", action.word()))
        .collect();
    if words.is_empty() { "the files say nothing".to_owned() } else { words.join(", ") }
}
