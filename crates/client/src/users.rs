//! Users: people and service accounts.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::{Call, Client, List, Timestamp};

/// The routes of users.
#[derive(Clone, Copy, Debug)]
pub struct Users<'a>(pub(crate) &'a Client);

impl Users<'_> {
    /// Makes a user of an organization, which is named by slug or id.
    pub fn create(&self, organization: &str, user: &NewUser) -> Call<User> {
        self.0.call(Method::POST, &["organizations", organization, "users"]).json(user)
    }

    /// The users of an organization, which is named by slug or id.
    pub fn list(&self, organization: &str) -> List<User> {
        List::new(self.0, &["organizations", organization, "users"])
    }

    /// One user.
    pub fn get(&self, user: &str) -> Call<User> {
        self.0.call(Method::GET, &["users", user])
    }

    /// Changes a user.
    pub fn update(&self, user: &str, changes: &Changes) -> Call<User> {
        self.0.call(Method::PATCH, &["users", user]).json(changes)
    }

    /// Removes a user, and their API keys.
    pub fn delete(&self, user: &str) -> Call<Option<User>> {
        self.0.call(Method::DELETE, &["users", user])
    }
}

/// What is to change of a user; what is absent stays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Changes {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it may do: `admin`, `manager`, `customer` or `worker`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether it may do it: `active` or `disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A user to make.
#[derive(Clone, Debug, Serialize)]
pub struct NewUser {
    name: String,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

impl NewUser {
    /// A person, known by an e-mail address; the role is `manager` or `customer`.
    pub fn person(name: impl Into<String>, email: impl Into<String>, role: impl Into<String>) -> Self {
        Self { name: name.into(), role: role.into(), email: Some(email.into()), kind: None }
    }

    /// A service account, known by its name; the role is `manager`, `customer` or `worker`.
    pub fn service(name: impl Into<String>, role: impl Into<String>) -> Self {
        Self { name: name.into(), role: role.into(), email: None, kind: Some("service") }
    }
}

/// Somebody, or something, that acts in one organization.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// Names it for ever.
    pub id: String,
    /// The one organization it belongs to.
    pub organization_id: String,
    /// `human` or `service`.
    pub kind: String,
    /// A person's address; a program has none.
    #[serde(default)]
    pub email: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it may do: `admin`, `manager`, `customer` or `worker`.
    pub role: String,
    /// Whether it may do it now: `active` or `disabled`.
    pub status: String,
    /// When it was made.
    pub created_at: Timestamp,
}
