//! Profiles: which server to talk to, and as whom.

use clap::Subcommand;
use serde_json::json;

use crate::{
    connection::{Flags, find_profiles, no_profile},
    failure::Failure,
    output::{Format, note},
    profile::{self, Found},
};

const COLUMNS: &[&str] = &["current", "name", "url", "organization", "file"];

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// List the profiles and the files that they are in; keys are not shown
    #[command(after_help = "Example:
  tenantry profile list

Profiles are looked for in $TENANTRY_HOME/profiles.toml, in the nearest .tenantry/profiles.toml at or above this folder,
and in ~/.config/tenantry/profiles.toml. A file that others may read is ignored.")]
    List,
    /// Make a profile the current one
    #[command(after_help = "Example:\n  tenantry profile use dev")]
    Use {
        /// Its name
        name: String,
    },
}

impl Profile {
    pub(crate) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let found = find_profiles()?;
        match self {
            Self::List => list(&found, flags.output),
            Self::Use { name } => choose(found, &name, flags.output),
        }
    }
}

fn list(found: &Found, output: Format) -> Result<(), Failure> {
    let current = found.current();
    let rows = found.files.iter().flat_map(|(path, file)| {
        file.profiles.iter().map(move |(name, profile)| {
            let is_current = current == Some((path.as_path(), name.as_str()));
            json!({
                "current": is_current, "name": name, "url": profile.url, "organization": profile.organization,
                "file": path.display().to_string(),
            })
        })
    });
    Ok(output.many(rows.collect(), COLUMNS)?)
}

/// Writes the choice into the file that has the profile.
fn choose(mut found: Found, name: &str, output: Format) -> Result<(), Failure> {
    let holder = found.files.iter_mut().find(|(_, file)| file.profiles.contains_key(name));
    let (path, file) = holder.ok_or_else(|| no_profile(name))?;
    file.current = Some(name.to_owned());
    profile::write(path, file)?;
    let written = json!({ "name": name, "file": path.display().to_string() });
    warn_of_another(&found, name);
    Ok(output.sentence(&written, &format!("{name} is the current profile"))?)
}

/// A file that is preferred to the written one may have a current profile of its own.
fn warn_of_another(found: &Found, name: &str) {
    if let Some((path, other)) = found.current().filter(|(_, other)| *other != name) {
        note(&format!("warning: here, {} comes first and says {other}", path.display()));
    }
}
