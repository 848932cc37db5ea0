//! The audit log: who did what, to what, when and from where.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::{Call, Client, List, Timestamp, list::rfc3339};

/// The routes under `/audit-log`.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a>(pub(crate) &'a Client);

impl Audit<'_> {
    /// The entries that a filter lets through, the latest first. An admin who names no organization sees those of all.
    pub fn list(&self, filter: &Filter) -> List<Entry> {
        let parameters = [
            ("actor", filter.actor.clone()),
            ("action", filter.action.clone()),
            ("resource", filter.resource.clone()),
            ("after", filter.after.map(rfc3339)),
            ("before", filter.before.map(rfc3339)),
        ];
        List::new(self.0, &["audit-log"]).filters(parameters)
    }

    /// Whether the organization's log is whole.
    pub fn verify(&self) -> Call<Verification> {
        self.0.call(Method::GET, &["audit-log", "verify"])
    }
}

/// Which entries to list; all unless told.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// By this user.
    pub actor: Option<String>,
    /// Of this action, such as `user.create`.
    pub action: Option<String>,
    /// On the resource with this id.
    pub resource: Option<String>,
    /// At this moment or later.
    pub after: Option<Timestamp>,
    /// Before this moment.
    pub before: Option<Timestamp>,
}

/// An entry of the log.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Names it.
    pub id: String,
    /// The organization whose log it is in.
    pub organization_id: String,
    /// When.
    pub at: Timestamp,
    /// Who: `user_id`, `key_id`, `role`, `organization_id`; all null for the deployment itself.
    pub actor: Value,
    /// What was done, or tried.
    pub action: String,
    /// To what: `type` and `id`.
    pub resource: Value,
    /// `ok`, `denied` or `failed`.
    pub outcome: String,
    /// The request.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Where it came from.
    #[serde(default)]
    pub source_address: Option<String>,
    /// What changed.
    #[serde(default)]
    pub changes: Option<Value>,
}

/// What a look at a whole log found.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Whether no entry was altered or removed.
    pub valid: bool,
    /// How many there are.
    pub entries: i64,
    /// The place of the first that was altered or is missing.
    pub broken_at: Option<i64>,
}
