//! API keys.

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::Value;
use tenantry_client::{
    Timestamp,
    api_keys::{Changes, Filter, NewApiKey, RateLimit},
};
use tenantry_domain::{Clock as _, SystemClock};

use crate::{
    connection::Session,
    failure::Failure,
    input::parse_span,
    output::{Format, note},
    paging::Paging,
};

const COLUMNS: &[&str] =
    &["id", "name", "prefix", "last_four", "created_at", "expires_at", "last_used_at", "revoked_at"];
const FIELDS: &[&str] = &[
    "id",
    "name",
    "user_id",
    "prefix",
    "last_four",
    "scopes",
    "allowed_cidrs",
    "rate_limit",
    "created_at",
    "expires_at",
    "last_used_at",
    "revoked_at",
];
const NEW_FIELDS: &[&str] =
    &["id", "name", "user_id", "scopes", "allowed_cidrs", "rate_limit", "expires_at", "secret"];
const SECRET_COLUMNS: &[&str] =
    &["prefix", "last_four", "created_at", "ends_at", "last_used_at", "last_used_address"];

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Apikey {
    /// Make a key; its secret is shown once
    #[command(after_help = "Examples:
  tenantry apikey create --user usr_01k9… --name laptop --expires-in 30d
  tenantry apikey create --name ci --scope executions:start --scope workflow:quote --allow-cidr 192.0.2.0/24")]
    Create(Create),
    /// List the keys of a user, or of everybody in the organization
    #[command(after_help = "Examples:
  tenantry apikey list --user usr_01k9…
  tenantry apikey list --unused-for-days 90")]
    List(List),
    /// Show one key and when its secrets were used, but not the secrets
    #[command(after_help = "Example:\n  tenantry apikey get key_01k9…")]
    Get {
        /// Its id
        key: String,
    },
    /// Change what a key is called, when it ends and what it is limited to, at once
    #[command(after_help = "Examples:
  tenantry apikey update key_01k9… --name server --expires-in 90d
  tenantry apikey update key_01k9… --scope executions:read --no-cidrs")]
    Update(Update),
    /// Give a key a new secret, which is shown once; the one before holds for the overlap, or ends at once
    #[command(after_help = "Example:\n  tenantry apikey rotate key_01k9… --overlap 1d")]
    Rotate(Rotate),
    /// Revoke a key, at once and for ever
    #[command(visible_alias = "delete", after_help = "Example:\n  tenantry apikey revoke key_01k9…")]
    Revoke {
        /// Its id
        key: String,
    },
}

/// A key to make.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// Whose key, by id [default: yours]
    #[arg(long)]
    user: Option<String>,
    /// What to call it
    #[arg(long)]
    name: String,
    #[command(flatten)]
    limits: Limits,
}

/// What a key is limited to.
#[derive(Args, Debug, Default)]
pub(crate) struct Limits {
    #[arg(
        long = "scope",
        value_name = "WORD",
        help = "What it does of what its user may: a permission, workflow:<name> or task_queue:<name>; one flag for each"
    )]
    scopes: Vec<String>,
    /// A network it can be used from, such as 192.0.2.0/24; one flag for each
    #[arg(long = "allow-cidr", value_name = "CIDR")]
    allowed_cidrs: Vec<String>,
    /// How often it can be used, such as 100/60: requests in so many seconds
    #[arg(long, value_name = "REQUESTS/SECONDS", value_parser = parse_rate)]
    rate_limit: Option<RateLimit>,
    /// The moment from which it is worth nothing, in RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
    expires_at: Option<Timestamp>,
    /// The time until then, such as 30d or 12h
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    expires_in: Option<Duration>,
}

/// Reads a rate such as `100/60`.
fn parse_rate(text: &str) -> Result<RateLimit, &'static str> {
    let rate = text.split_once('/').and_then(|(requests, seconds)| {
        Some(RateLimit { requests: requests.parse().ok()?, per_seconds: seconds.parse().ok()? })
    });
    rate.ok_or("must be a number of requests, a slash and a number of seconds, such as 100/60")
}

/// What is to change of a key.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args([
    "name", "scopes", "allowed_cidrs", "rate_limit", "expires_at", "expires_in", "no_scopes", "no_cidrs", "no_rate_limit",
    "no_expiry",
])))]
pub(crate) struct Update {
    /// Its id
    key: String,
    /// What to call it
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    lifted: Lifted,
}

/// Which limits of a key are to be lifted.
#[derive(Args, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Lifted {
    /// Let it do all that its user may
    #[arg(long, conflicts_with = "scopes")]
    no_scopes: bool,
    /// Let it be used from everywhere
    #[arg(long, conflicts_with = "allowed_cidrs")]
    no_cidrs: bool,
    /// Let it have no rate limit of its own
    #[arg(long, conflicts_with = "rate_limit")]
    no_rate_limit: bool,
    /// Let it last until it is revoked
    #[arg(long, conflicts_with_all = ["expires_at", "expires_in"])]
    no_expiry: bool,
}

/// How to rotate a key.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// Its id
    key: String,
    /// How long the secret before holds beside the new one, such as 1d, 30d at most [default: not at all]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    overlap: Option<Duration>,
}

/// Which keys to list.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Whose keys, by id [default: yours]
    #[arg(long, conflicts_with_all = ["everyone", "unused_for_days", "expiring_within_days"])]
    user: Option<String>,
    /// The keys of everybody in the organization
    #[arg(long)]
    everyone: bool,
    /// Everybody's keys that were neither made nor used for so many days
    #[arg(long, value_name = "DAYS")]
    unused_for_days: Option<u32>,
    /// Everybody's keys that end within so many days
    #[arg(long, value_name = "DAYS")]
    expiring_within_days: Option<u32>,
    #[command(flatten)]
    paging: Paging,
}

impl Apikey {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let keys = session.client.api_keys();
        match self {
            Self::Create(create) => create.run(&session, SystemClock.now()).await,
            Self::List(list) => list.run(&session).await,
            Self::Get { key } => {
                let key = keys.get(&key).raw().send().await?;
                session.output.one(&key, FIELDS)?;
                show_secrets(session.output, &key)
            }
            Self::Update(update) => update.run(&session, SystemClock.now()).await,
            Self::Rotate(Rotate { key, overlap }) => {
                let seconds = overlap.unwrap_or_default().as_secs();
                let rotated = keys.rotate(&key, seconds).raw().send().await?;
                show_new(&session, &rotated)?;
                show_secrets(session.output, &rotated)
            }
            Self::Revoke { key } => {
                let revoked = keys.revoke(&key).raw().send().await?;
                Ok(session.output.sentence(&revoked, &format!("revoked {key}"))?)
            }
        }
    }
}

/// A key with its new secret.
fn show_new(session: &Session, key: &Value) -> Result<(), Failure> {
    session.output.one(key, NEW_FIELDS)?;
    note("keep the secret now: it is not shown again");
    Ok(())
}

/// In place of a table, which has no room for them: the marks of a key's secrets, if it has had more than one.
fn show_secrets(output: Format, key: &Value) -> Result<(), Failure> {
    match (output, key["secrets"].as_array()) {
        (Format::Table, Some(secrets)) if secrets.len() > 1 => {
            Ok(output.many(secrets.clone(), SECRET_COLUMNS)?)
        }
        _ => Ok(()),
    }
}

impl List {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let keys = session.client.api_keys();
        let Self { user, everyone, unused_for_days, expiring_within_days, paging } = self;
        let list = if everyone || unused_for_days.is_some() || expiring_within_days.is_some() {
            keys.list_all(&Filter { unused_for_days, expiring_within_days })
        } else {
            keys.list(&session.user(user).await?)
        };
        Ok(session.output.many(paging.fetch(list).await?, COLUMNS)?)
    }
}

impl Create {
    async fn run(self, session: &Session, now: Timestamp) -> Result<(), Failure> {
        let new = NewApiKey {
            name: self.name,
            expires_at: self.limits.expiry(now)?,
            scopes: given(self.limits.scopes),
            allowed_cidrs: given(self.limits.allowed_cidrs),
            rate_limit: self.limits.rate_limit,
        };
        let user = session.user(self.user).await?;
        let key = session.client.api_keys().create(&user, &new).raw().send().await?;
        show_new(session, &key)
    }
}

impl Update {
    async fn run(self, session: &Session, now: Timestamp) -> Result<(), Failure> {
        let Self { key, name, limits, lifted } = self;
        let expires_at = limits.expiry(now)?;
        let changes = Changes {
            name,
            scopes: changed(given(limits.scopes), lifted.no_scopes),
            allowed_cidrs: changed(given(limits.allowed_cidrs), lifted.no_cidrs),
            rate_limit: changed(limits.rate_limit, lifted.no_rate_limit),
            expires_at: changed(expires_at, lifted.no_expiry),
        };
        let key = session.client.api_keys().update(&key, &changes).raw().send().await?;
        Ok(session.output.one(&key, FIELDS)?)
    }
}

fn given(words: Vec<String>) -> Option<Vec<String>> {
    (!words.is_empty()).then_some(words)
}

/// What becomes of a limit that is set, lifted or left alone.
#[expect(clippy::option_option, reason = "this is how the client says it")]
fn changed<T>(set: Option<T>, lifted: bool) -> Option<Option<T>> {
    (lifted || set.is_some()).then_some(set)
}

impl Limits {
    fn expiry(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let Some(span) = self.expires_in else {
            return Ok(self.expires_at);
        };
        let span = chrono::TimeDelta::from_std(span).ok();
        let expiry = span.and_then(|span| now.checked_add_signed(span));
        expiry.map(Some).ok_or_else(|| Failure::invalid("--expires-in is too long"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_count_an_expiry_from_now() {
        let now = "2026-01-31T12:00:00Z".parse::<Timestamp>().expect("a time");
        let expiry = |span| {
            let limits = Limits { expires_in: Some(span), ..Limits::default() };
            limits.expiry(now)
        };
        let day = expiry(Duration::from_hours(24)).expect("an expiry");
        assert_eq!(day, Some("2026-02-01T12:00:00Z".parse().expect("a time")));
        assert!(expiry(Duration::from_secs(u64::MAX)).is_err());
    }

    #[test]
    fn should_read_rates() {
        let check = |text, rate: Option<(u32, u32)>| {
            let read = parse_rate(text).ok().map(|rate| (rate.requests, rate.per_seconds));
            assert_eq!(read, rate, "{text}");
        };
        check("100/60", Some((100, 60)));
        check("1/1", Some((1, 1)));
        for wrong in ["", "100", "/60", "100/", "1/2/3", "-1/60", "1.5/60", "99999999999/1"] {
            check(wrong, None);
        }
    }
}
