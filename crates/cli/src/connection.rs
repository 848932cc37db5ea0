//! The flags of every user command, and what they come to: a server, a key, an organization, a way to print.

use std::sync::Once;

use clap::{ArgMatches, Args, parser::ValueSource};
use tenantry_client::{Client, Secret};

use crate::{
    failure::{Exit, Failure},
    hint::{Asked, KeySource},
    output::{Format, note},
    profile::{Error, Found, Places, Profile},
};

pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8090";

/// Which server to call, as whom, and how to print its answer.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection and output")]
pub(crate) struct Flags {
    /// The server's address [default: the profile's, else port 8090 of this machine]
    #[arg(long, global = true, env = "TENANTRY_URL")]
    url: Option<String>,
    /// The key to act with [default: the profile's]; others on this machine may see it as an argument
    #[arg(long, global = true, env = "TENANTRY_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<Secret>,
    /// The organization to act in, by slug or id [default: the profile's, else your own]
    // Its id is not that of the organizations that commands are about: they would be given to it.
    #[arg(id = "org", long, alias = "organization", global = true, env = "TENANTRY_ORG", value_name = "ORG")]
    pub(crate) organization: Option<String>,
    /// The profile to use [default: the current one]
    #[arg(long, global = true, env = "TENANTRY_PROFILE", value_name = "NAME")]
    profile: Option<String>,
    /// How to print the answer; json and yaml are the API's `data`, unchanged
    #[arg(short, long, global = true, env = "TENANTRY_OUTPUT", value_enum, default_value_t = Format::Table)]
    #[arg(value_name = "FORMAT")]
    pub(crate) output: Format,
    #[arg(skip)]
    pub(crate) asked: Asked,
    #[arg(skip)]
    key_is_argument: bool,
}

/// All that a user command needs.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Calls the server.
    pub(crate) client: Client,
    /// Prints its answers.
    pub(crate) output: Format,
    /// Where its key came from.
    pub(crate) key_source: KeySource,
    /// What the user asked for.
    pub(crate) asked: Asked,
    organization: Option<String>,
}

/// What a new profile is told by the flags of every command.
pub(crate) struct Given {
    pub(crate) url: Option<String>,
    pub(crate) api_key: Option<Secret>,
    pub(crate) organization: Option<String>,
}

impl Flags {
    /// The flags, as `clap` knows them.
    pub(crate) const ALL: &[&str] = &["url", "api_key", "org", "profile", "output"];
    /// Those that say which server to call, and as whom.
    pub(crate) const OF_SERVER: &[&str] = &["url", "api_key", "org", "profile"];

    /// What the command line as a whole says beside its values.
    pub(crate) fn told(self, matches: &ArgMatches, asked: Asked) -> Self {
        let key_is_argument = matches.value_source("api_key") == Some(ValueSource::CommandLine);
        Self { asked, key_is_argument, ..self }
    }

    /// What they say of a server that is not known yet. A key is taken from the environment only: it is to be kept, and an argument has
    /// been seen by others.
    pub(crate) fn give(self) -> Result<Given, Failure> {
        if self.key_is_argument {
            return Err(Failure::invalid(
                "a key that is kept must not be an argument: others on this machine see it",
            )
            .with_hint("give it on standard input, at the prompt or in TENANTRY_API_KEY"));
        }
        let Self { url, api_key, organization, .. } = self.without_empty();
        Ok(Given { url, api_key, organization })
    }

    /// Whom to call and as whom, from the flags, the environment and the profiles. Nothing is sent yet.
    ///
    /// A profile is one whole: its key and its organization are used together and only at its own URL, so that naming
    /// another server does not send it the key.
    pub(crate) fn open(self) -> Result<Session, Failure> {
        let flags = self.without_empty();
        let profile = flags.find_profile()?;
        let url = flags
            .url
            .as_deref()
            .or(profile.as_ref().map(|(_, profile)| profile.url.as_str()))
            .unwrap_or(DEFAULT_URL);
        let own = profile
            .as_ref()
            .filter(|(_, profile)| flags.api_key.is_none() && is_same_server(&profile.url, url));
        let (key, key_source) = match (&flags.api_key, own) {
            (Some(key), _) if flags.key_is_argument => (key, KeySource::Flag),
            (Some(key), _) => (key, KeySource::Environment),
            (None, Some((name, profile))) => (&profile.api_key, KeySource::Profile(name.clone())),
            (None, None) => return Err(no_key(url)),
        };
        let organization =
            flags.organization.as_ref().or(own.and_then(|(_, profile)| profile.organization.as_ref()));
        let client = Client::new(url, key.clone())?;
        let client = organization.into_iter().fold(client, Client::with_organization);
        let organization = organization.cloned();
        Ok(Session { client, output: flags.output, key_source, asked: flags.asked, organization })
    }

    /// A variable that is set to nothing counts as not set.
    fn without_empty(self) -> Self {
        let filled = |value: Option<String>| value.filter(|value| !value.is_empty());
        Self {
            url: filled(self.url),
            api_key: self.api_key.filter(|key| !key.is_empty()),
            organization: filled(self.organization),
            profile: filled(self.profile),
            ..self
        }
    }

    /// The profile that was asked for; else the current one, if anything is wanted of it. With its name.
    fn find_profile(&self) -> Result<Option<(String, Profile)>, Failure> {
        match &self.profile {
            Some(name) => {
                let found = find_profiles()?;
                let (_, profile) = found.named(name).ok_or_else(|| no_profile(name))?;
                Ok(Some((name.clone(), profile.clone())))
            }
            None if self.url.is_some() && self.api_key.is_some() => Ok(None),
            None => Ok(find_profiles()?
                .current_profile()
                .map(|(name, profile)| (name.to_owned(), profile.clone()))),
        }
    }
}

impl Session {
    /// The organization that was named, if one was.
    pub(crate) fn named_organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// The organization that was named, else the caller's own.
    pub(crate) async fn organization(&self) -> Result<String, tenantry_client::Error> {
        match &self.organization {
            Some(named) => Ok(named.clone()),
            None => Ok(self.client.me().send().await?.organization.id),
        }
    }

    /// The organization that is named here, else the one to act in.
    pub(crate) async fn organization_or(
        &self,
        named: Option<String>,
    ) -> Result<String, tenantry_client::Error> {
        match named {
            Some(named) => Ok(named),
            None => self.organization().await,
        }
    }

    /// The user that is named here, else the caller.
    pub(crate) async fn user(&self, named: Option<String>) -> Result<String, tenantry_client::Error> {
        match named {
            Some(named) => Ok(named),
            None => Ok(self.client.me().send().await?.user.id),
        }
    }
}

/// The profiles that there are; the user is told once of files that are ignored.
pub(crate) fn find_profiles() -> Result<Found, Failure> {
    static TOLD: Once = Once::new();
    let found = Places::of_process().read()?;
    TOLD.call_once(|| found.warnings.iter().for_each(|warning| note(warning)));
    Ok(found)
}

/// There is no profile of this name.
pub(crate) fn no_profile(name: &str) -> Failure {
    Failure::new(Exit::Usage, "no_profile", format!("there is no profile {name}"))
        .with_hint("`tenantry profile list` shows those that there are")
}

fn no_key(url: &str) -> Failure {
    Failure::new(Exit::Denied, "unauthenticated", format!("there is no API key for {url}")).with_hint(
        "set TENANTRY_API_KEY, choose a profile with --profile, make one with `tenantry profile add`, \
         or start a server of your own with `tenantry dev`",
    )
}

fn is_same_server(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Io { ref source, .. } => Self::new(Exit::Failed, "profile", format!("{error}: {source}")),
            Error::Malformed { .. } => Self::new(Exit::Usage, "profile", error.to_string()),
        }
    }
}
