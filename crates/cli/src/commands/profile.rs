//! Profiles: which server to talk to, and as whom.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tenantry_client::{Client, Secret};

use crate::{
    connection::{DEFAULT_URL, Flags, Given, find_profiles, no_profile},
    failure::{Exit, Failure},
    output::{Format, note},
    profile::{self, Found, Places, Profiles},
    prompt,
};

const COLUMNS: &[&str] = &["current", "name", "url", "organization", "file"];

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// Save a server and a key to it under a name
    #[command(after_help = "Examples:
  tenantry profile add live --url https://tenantry.example.com
  tenantry profile add live --url https://tenantry.example.com --org acme < key.txt

The key is TENANTRY_API_KEY, or is asked for on a terminal, or is read from standard input. It goes into
$TENANTRY_HOME/profiles.toml if that variable is set, else into ~/.config/tenantry/profiles.toml, for your eyes only.")]
    Add(Add),
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
    /// Forget a profile and its key; the key itself goes on working until it is revoked
    #[command(after_help = "Example:\n  tenantry profile remove dev")]
    Remove {
        /// Its name
        name: String,
    },
}

/// A profile to save.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// What to call it
    #[arg(value_parser = parse_name)]
    name: String,
    /// Save it in place of one of the same name
    #[arg(long)]
    replace: bool,
    /// Do not try the key first
    #[arg(long)]
    no_verify: bool,
}

fn parse_name(text: &str) -> Result<String, &'static str> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name = Some(text).filter(|text| (1..=64).contains(&text.len()) && text.chars().all(is_fine));
    name.map(str::to_owned)
        .ok_or("must have 1 to 64 characters: letters, digits, hyphens, dots and underscores")
}

impl Profile {
    pub(crate) async fn run(self, flags: Flags) -> Result<(), Failure> {
        let found = find_profiles()?;
        let output = flags.output;
        match self {
            Self::Add(add) => add.run(&found, flags.give()?, output).await,
            Self::List => list(&found, output),
            Self::Use { name } => choose(found, &name, output),
            Self::Remove { name } => remove(found, &name, output),
        }
    }
}

impl Add {
    async fn run(self, found: &Found, given: Given, output: Format) -> Result<(), Failure> {
        let path = self.place(found)?;
        let Given { url, api_key, organization } = given;
        let url = url.unwrap_or_else(|| DEFAULT_URL.to_owned());
        let (from, api_key) = match api_key {
            Some(key) => ("TENANTRY_API_KEY", key),
            None => ("what was entered", prompt::secret(&format!("API key for {url}"))?),
        };
        if api_key.is_empty() {
            return Err(Failure::invalid("there is no key: nothing was entered")
                .with_hint("give it on standard input, at the prompt or in TENANTRY_API_KEY"));
        }
        let who = self.verify(&url, &api_key, organization.as_deref(), from).await?;
        let saved = json!({
            "name": self.name, "url": url, "organization": organization, "file": path.display().to_string(),
        });
        profile::save(&path, &self.name, profile::Profile { url, api_key, organization })?;
        output.sentence(&saved, &format!("saved the profile {} in {}{who}", self.name, path.display()))?;
        match find_profiles()?.current() {
            Some((_, current)) if current == self.name => {}
            _ => note(&format!("`tenantry profile use {}` makes it the current one", self.name)),
        }
        Ok(())
    }

    /// The file it goes into: that of the profile that it replaces, or the one for new profiles.
    fn place(&self, found: &Found) -> Result<PathBuf, Failure> {
        if let Some((path, _)) = found.named(&self.name) {
            let there = format!("there is a profile {} in {}", self.name, path.display());
            let refused = Failure::new(Exit::Failed, "conflict", there)
                .with_hint("--replace saves this one in its place");
            return if self.replace { Ok(path.to_owned()) } else { Err(refused) };
        }
        let place = Places::of_process().for_new().ok_or_else(|| {
            Failure::invalid("there is no folder for profiles: HOME is not set")
                .with_hint("set TENANTRY_HOME")
        })?;
        // Whoever has written a file that is not believed would be believed with the new key in it.
        if place.exists() && !found.files.iter().any(|(path, _)| *path == place) {
            return Err(Failure::invalid(format!(
                "{} is ignored, so nothing is saved there",
                place.display()
            )));
        }
        Ok(place)
    }

    /// Asks the server who the key's owner is, for a sentence about the saved profile.
    async fn verify(
        &self,
        url: &str,
        key: &Secret,
        organization: Option<&str>,
        from: &str,
    ) -> Result<String, Failure> {
        let client = Client::new(url, key.clone())?;
        if self.no_verify {
            return Ok(String::new());
        }
        let client = organization.into_iter().fold(client, Client::with_organization);
        let me = client.me().raw().send().await.map_err(|error| {
            let hint = format!("nothing was saved; the key is {from}, and --no-verify saves it untried");
            Failure::from(error).with_hint(hint)
        })?;
        Ok(format!(": {} of {}", text(&me["role"]), text(&me["organization"]["slug"])))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
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
    let (path, file) = holder(&mut found, name)?;
    file.current = Some(name.to_owned());
    profile::write(path, file)?;
    let written = json!({ "name": name, "file": path.display().to_string() });
    warn_of_another(&found, name);
    Ok(output.sentence(&written, &format!("{name} is the current profile"))?)
}

/// Takes a profile out of its file, which has no current one then if it was that.
fn remove(mut found: Found, name: &str, output: Format) -> Result<(), Failure> {
    let (path, file) = holder(&mut found, name)?;
    file.profiles.remove(name);
    file.current.take_if(|current| current == name);
    profile::write(path, file)?;
    let removed = json!({ "name": name, "file": path.display().to_string() });
    Ok(output.sentence(&removed, &format!("removed the profile {name} from {}", path.display()))?)
}

/// The first file that has the profile.
fn holder<'f>(found: &'f mut Found, name: &str) -> Result<(&'f Path, &'f mut Profiles), Failure> {
    let holder = found.files.iter_mut().find(|(_, file)| file.profiles.contains_key(name));
    let (path, file) = holder.ok_or_else(|| no_profile(name))?;
    Ok((path, file))
}

/// A file that is preferred to the written one may have a current profile of its own.
fn warn_of_another(found: &Found, name: &str) {
    if let Some((path, other)) = found.current().filter(|(_, other)| *other != name) {
        note(&format!("warning: here, {} comes first and says {other}", path.display()));
    }
}
