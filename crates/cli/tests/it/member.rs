//! Somebody with a key to an organization of a running server.

use serde_json::Value;

use crate::tenantry::Tenantry;

/// A manager of an organization.
pub(crate) struct Member {
    pub(crate) organization: Value,
    pub(crate) user: Value,
    pub(crate) key: Value,
    /// Runs the command with the key.
    pub(crate) tenantry: Tenantry,
}

impl Member {
    /// The manager of a new organization, made as its admin makes them.
    pub(crate) async fn of(admin: &Tenantry, url: &str, slug: &str) -> Self {
        let organization = admin.answer(&["org", "create", slug, "--name", slug]).await;
        let email = format!("ada@{slug}.example");
        let create =
            ["user", "create", "--org", slug, "--name", "Ada", "--email", &email, "--role", "manager"];
        let user = admin.answer(&create).await;
        let id = user["id"].as_str().expect("an id");
        let key = admin.answer(&["apikey", "create", "--org", slug, "--user", id, "--name", "laptop"]).await;
        let tenantry = Tenantry::with_key(url, key["secret"].as_str().expect("a secret"));
        Self { organization, user, key, tenantry }
    }

    pub(crate) fn secret(&self) -> &str {
        self.key["secret"].as_str().expect("a secret")
    }
}
