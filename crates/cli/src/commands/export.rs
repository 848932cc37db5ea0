//! `tenantry export`: an organization as files.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::{
    connection::Session,
    failure::Failure,
    folder::{self, Contents, state::State, write},
    output::note,
    progress::Progress,
};

const COLUMNS: &[&str] = &["action", "file"];

/// Write an organization into a folder, as files to keep in git
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tenantry export --org acme acme
  tenantry export ./acme -o json

It writes the definitions, the schedules, the users and the quotas. API keys are not among them: they are made anew with
`tenantry apikey create`. A file that says the same already is left as it is, with its comments; files of what is not there
any more are removed. `tenantry import` brings an organization to what the files say.")]
pub(crate) struct Export {
    /// The folder; it is made if there is none
    folder: PathBuf,
}

impl Export {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let before = if folder::is_marked(&self.folder) {
            folder::read(&self.folder)
                .map_err(|failure| failure.with_hint("mend the files or remove them; nothing was written"))?
        } else {
            Contents::default()
        };
        let progress = Progress::new();
        let state = State::read(&session, &progress).await?;
        drop(progress);
        let done = write::write(&self.folder, &before, &state)?;
        let changed = done.values().filter(|action| **action != write::Action::Unchanged).count();
        let rows = done.iter().map(|(file, action)| json!({ "action": action.word(), "file": file }));
        session.output.many(rows.collect(), COLUMNS)?;
        match changed {
            0 => note("the files were up to date"),
            _ => note("API keys are in no file: each is made anew with `tenantry apikey create`"),
        }
        Ok(())
    }
}
