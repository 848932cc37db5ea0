//! API keys.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::{Call, Client, List, Secret, Timestamp};

/// The routes of API keys.
#[derive(Clone, Copy, Debug)]
pub struct ApiKeys<'a>(pub(crate) &'a Client);

impl ApiKeys<'_> {
    /// Makes a key for a user. The answer is the only one that ever holds its secret.
    pub fn create(&self, user: &str, key: &NewApiKey) -> Call<CreatedApiKey> {
        self.0.call(Method::POST, &["users", user, "api-keys"]).json(key)
    }

    /// The keys of a user, the revoked ones included.
    pub fn list(&self, user: &str) -> List<ApiKey> {
        List::new(self.0, &["users", user, "api-keys"])
    }

    /// The keys of everybody in the organization that a filter lets through.
    pub fn list_all(&self, filter: &Filter) -> List<ApiKey> {
        let parameters = [
            ("unused_for_days", filter.unused_for_days.map(|days| days.to_string())),
            ("expiring_within_days", filter.expiring_within_days.map(|days| days.to_string())),
        ];
        List::new(self.0, &["api-keys"]).filters(parameters)
    }

    /// One key.
    pub fn get(&self, key: &str) -> Call<ApiKey> {
        self.0.call(Method::GET, &["api-keys", key])
    }

    /// Changes a key.
    pub fn update(&self, key: &str, changes: &Changes) -> Call<ApiKey> {
        self.0.call(Method::PATCH, &["api-keys", key]).json(changes)
    }

    /// Gives a key a new secret. The answer is the only one that ever holds it. The one before holds for so many seconds more;
    /// with 0, all that there were end at once.
    pub fn rotate(&self, key: &str, overlap_seconds: u64) -> Call<CreatedApiKey> {
        let body = serde_json::json!({ "overlap_seconds": overlap_seconds });
        self.0.call(Method::POST, &["api-keys", key, "rotate"]).json(&body)
    }

    /// Revokes a key at once and for ever. A server that answers without content gives `None`.
    pub fn revoke(&self, key: &str) -> Call<Option<ApiKey>> {
        self.0.call(Method::DELETE, &["api-keys", key])
    }
}

/// Which keys to list; all unless told. A filter lets no key through that has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Those that were neither made nor used for so many days.
    pub unused_for_days: Option<u32>,
    /// Those that end within so many days.
    pub expiring_within_days: Option<u32>,
}

/// A key to make.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewApiKey {
    /// What people call it.
    pub name: String,
    /// The permissions, workflows (`workflow:<name>`) and task queues (`task_queue:<name>`) it is limited to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The networks it may be used from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_cidrs: Option<Vec<String>>,
    /// Its own rate limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// From when on it is worth nothing, if ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// What is to change of a key. What is absent stays; `Some(None)` lifts a limit.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Changes {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The permissions, workflows (`workflow:<name>`) and task queues (`task_queue:<name>`) it is limited to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Option<Vec<String>>>,
    /// The networks it may be used from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_cidrs: Option<Option<Vec<String>>>,
    /// Its own rate limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Option<RateLimit>>,
    /// From when on it is worth nothing, if ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Option<Timestamp>>,
}

/// A key, without its secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKey {
    /// Names it for ever.
    pub id: String,
    /// Who acts with it.
    pub user_id: String,
    /// What people call it.
    pub name: String,
    /// The first characters of its secret.
    pub prefix: String,
    /// The last four characters of its secret.
    pub last_four: String,
    /// The permissions, workflows and task queues it is limited to; without a list, it does all that its user may.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// The networks it may be used from; without a list, any.
    #[serde(default)]
    pub allowed_cidrs: Option<Vec<String>>,
    /// Its own rate limit, if it has one.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing, if ever.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the accuracy that the server keeps.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
    /// The last few of its secrets, the newest first.
    #[serde(default)]
    pub secrets: Vec<IssuedSecret>,
}

/// A secret that a key has or had, by what it is recognised by.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedSecret {
    /// Its first characters.
    pub prefix: String,
    /// Its last four characters.
    pub last_four: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is worth nothing, if another has replaced it.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    /// When it was last used, to the accuracy that the server keeps.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    /// From where.
    #[serde(default)]
    pub last_used_address: Option<String>,
}

/// How often a key may be used.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// So many requests …
    pub requests: u32,
    /// … in so many seconds.
    pub per_seconds: u32,
}

/// A key with a new secret, which is shown here and never again.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedApiKey {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKey,
    /// Its secret.
    pub secret: Secret,
}
