//! Who the caller is.

use clap::Args;

use crate::{connection::Session, failure::Failure};

const FIELDS: &[&str] = &[
    "user.id",
    "user.name",
    "user.email",
    "organization.id",
    "organization.slug",
    "organization.status",
    "role",
    "permissions",
    "api_key.id",
    "api_key.name",
    "api_key.expires_at",
];

/// Nothing more to say.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  tenantry me")]
pub(crate) struct Me;

impl Me {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let me = session.client.me().raw().send().await?;
        Ok(session.output.one(&me, FIELDS)?)
    }
}
