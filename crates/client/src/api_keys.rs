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

    /// One key.
    pub fn get(&self, key: &str) -> Call<ApiKey> {
        self.0.call(Method::GET, &["api-keys", key])
    }

    /// Revokes a key at once and for ever. A server that answers without content gives `None`.
    pub fn revoke(&self, key: &str) -> Call<Option<ApiKey>> {
        self.0.call(Method::DELETE, &["api-keys", key])
    }
}

/// A key to make.
#[derive(Clone, Debug, Serialize)]
pub struct NewApiKey {
    /// What people call it.
    pub name: String,
    /// From when on it is worth nothing, if ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
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
    /// The permissions it is limited to; without a list, all that its user has.
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
}

/// How often a key may be used.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// So many requests …
    pub requests: u32,
    /// … in so many seconds.
    pub per_seconds: u32,
}

/// A new key with its secret, which is shown here and never again.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedApiKey {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKey,
    /// Its secret.
    pub secret: Secret,
}
