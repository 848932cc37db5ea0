//! The audit log: one entry for each change, in the change's own transaction.

use sqlx::PgConnection;
use tenantry_domain::{
    Actor, AuditEntryId, OrganizationId, Timestamp,
    audit::{Action, Resource},
};

use crate::{Error, PlatformTx, TenantTx};

/// Records what the scope's actor does to a resource of the organization.
pub async fn record(
    tx: &mut TenantTx,
    at: Timestamp,
    action: Action,
    resource: Resource,
) -> Result<(), Error> {
    let (organization, actor) = (tx.organization(), tx.scope().actor());
    insert(tx.connection(), organization, actor, at, action, resource).await
}

/// Records what an admin or the deployment does to an organization.
pub async fn record_of_platform(
    tx: &mut PlatformTx,
    organization: OrganizationId,
    actor: Actor,
    at: Timestamp,
    action: Action,
) -> Result<(), Error> {
    insert(tx.connection(), organization, actor, at, action, Resource::Organization(organization)).await
}

async fn insert(
    connection: &mut PgConnection,
    organization: OrganizationId,
    actor: Actor,
    at: Timestamp,
    action: Action,
    resource: Resource,
) -> Result<(), Error> {
    let (user, api_key) = match actor {
        Actor::User { user, api_key } => (Some(user.uuid()), Some(api_key.uuid())),
        Actor::System => (None, None),
    };
    sqlx::query(
        "insert into audit_entries
             (id, organization_id, at, actor_user_id, actor_api_key_id, action, resource_type, resource_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(AuditEntryId::generate(at).uuid())
    .bind(organization.uuid())
    .bind(at)
    .bind(user)
    .bind(api_key)
    .bind(action.as_str())
    .bind(resource.kind())
    .bind(resource.id())
    .execute(connection)
    .await?;
    Ok(())
}
