//! API keys.

use std::time::Duration;

use clap::{Args, Subcommand};
use tenantry_client::{Timestamp, api_keys::NewApiKey};
use tenantry_domain::{Clock as _, SystemClock};

use crate::{connection::Session, failure::Failure, input::parse_span, output::note, paging::Paging};

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
const NEW_FIELDS: &[&str] = &["id", "name", "user_id", "expires_at", "secret"];

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Apikey {
    /// Make a key; its secret is shown once
    #[command(
        after_help = "Example:\n  tenantry apikey create --user usr_01k9… --name laptop --expires-in 30d"
    )]
    Create(Create),
    /// List the keys of a user
    #[command(after_help = "Example:\n  tenantry apikey list --user usr_01k9…")]
    List(List),
    /// Show one key, without its secret
    #[command(after_help = "Example:\n  tenantry apikey get key_01k9…")]
    Get {
        /// Its id
        key: String,
    },
    /// Revoke a key, at once and for ever
    #[command(after_help = "Example:\n  tenantry apikey revoke key_01k9…")]
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
    /// The moment from which it is worth nothing, in RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
    expires_at: Option<Timestamp>,
    /// The time until then, such as 30d or 12h
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    expires_in: Option<Duration>,
}

/// Whose keys to list.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Whose keys, by id [default: yours]
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

impl Apikey {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let keys = session.client.api_keys();
        match self {
            Self::Create(create) => create.run(&session, SystemClock.now()).await,
            Self::List(List { user, paging }) => {
                let user = session.user(user).await?;
                let list = paging.fetch(keys.list(&user)).await?;
                Ok(session.output.many(list, COLUMNS)?)
            }
            Self::Get { key } => {
                let key = keys.get(&key).raw().send().await?;
                Ok(session.output.one(&key, FIELDS)?)
            }
            Self::Revoke { key } => {
                let revoked = keys.revoke(&key).raw().send().await?;
                Ok(session.output.sentence(&revoked, &format!("revoked {key}"))?)
            }
        }
    }
}

impl Create {
    async fn run(self, session: &Session, now: Timestamp) -> Result<(), Failure> {
        let new = NewApiKey { expires_at: self.expiry(now)?, name: self.name, ..NewApiKey::default() };
        let user = session.user(self.user).await?;
        let key = session.client.api_keys().create(&user, &new).raw().send().await?;
        session.output.one(&key, NEW_FIELDS)?;
        note("keep the secret now: it is not shown again");
        Ok(())
    }

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
            let new = Create { user: None, name: "a".to_owned(), expires_at: None, expires_in: Some(span) };
            new.expiry(now)
        };
        let day = expiry(Duration::from_hours(24)).expect("an expiry");
        assert_eq!(day, Some("2026-02-01T12:00:00Z".parse().expect("a time")));
        assert!(expiry(Duration::from_secs(u64::MAX)).is_err());
    }
}
