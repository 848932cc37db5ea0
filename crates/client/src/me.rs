//! Who is calling.

use serde::Deserialize;

use crate::{api_keys::ApiKey, organizations::Organization, users::User};

/// The caller, as the server sees it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Me {
    /// The user behind the key.
    pub user: User,
    /// The organization that the call acts in.
    pub organization: Organization,
    /// What the caller is there.
    pub role: String,
    /// What the caller may do there.
    pub permissions: Vec<String>,
    /// The key that the call came with.
    pub api_key: ApiKey,
}
