//! What a transaction is for, and the rights that must hold for as long as it lasts.

use sqlx::{PgConnection, Row as _};
use tenantry_domain::{Actor, OrgScope};

use crate::Error;

/// What a transaction in an organization is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To look. PostgreSQL refuses every change.
    Read,
    /// To change something. The actor's rights are read again, and nobody can take them away until the transaction ends.
    Write,
    /// To change what somebody may do: a key, a user, the state of the organization. As [`Self::Write`], and alone: whoever
    /// writes in the organization at that moment ends first, or begins afterwards.
    Govern,
}

/// Why an actor, authenticated just before, may not write any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The key was revoked, its secret was ended, what it may do was changed, its user was disabled, removed or given another role, or
    /// their organization is being erased.
    #[error("the actor's rights have changed")]
    Actor,
    /// The organization was suspended.
    #[error("the organization was suspended")]
    Suspended,
    /// The organization is being erased.
    #[error("the organization is gone")]
    Gone,
}

/// Takes the rights of the scope's actor until the transaction ends. The deployment itself needs none.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    scope: &OrgScope,
    access: Access,
) -> Result<(), Error> {
    let Actor::User { user, api_key, role, organization } = scope.trail().actor else { return Ok(()) };
    if access == Access::Read {
        return Ok(());
    }
    let credential = scope.credential();
    let row = sqlx::query("select hold_rights($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(access == Access::Govern)
        .bind(scope.organization().uuid())
        .bind(scope.status().as_str())
        .bind(organization.uuid())
        .bind(user.uuid())
        .bind(api_key.uuid())
        .bind(role.as_str())
        .bind(credential.map(|credential| credential.secret.uuid()))
        .bind(credential.map(|credential| credential.revision))
        .fetch_one(connection)
        .await?;
    match row.try_get::<Option<&str>, _>(0)? {
        None => Ok(()),
        Some("suspended") => Err(Refusal::Suspended.into()),
        Some("gone") => Err(Refusal::Gone.into()),
        Some(_) => Err(Refusal::Actor.into()),
    }
}
