//! The audit log: one entry for each change, in the change's own transaction.
//!
//! PostgreSQL chains the entries of an organization by their hashes when they are inserted. The head of the chain is locked until the
//! transaction ends, so record last.

use serde_json::Value;
use sqlx::{PgConnection, QueryBuilder, Row as _, postgres::PgRow, types::Json};
use tenantry_domain::{
    Actor, ApiKeyId, AuditEntryId, OrganizationId, Page, PageRequest, Timestamp, UserId,
    audit::{Entry, Event, Trail},
};

use crate::{
    Error, PlatformTx, TenantTx, list,
    row::{id, id_if_any},
};

macro_rules! columns {
    () => {
        "id, organization_id, sequence, at, actor_user_id, actor_api_key_id, actor_role, actor_organization_id, action,
         resource_type, resource_id, outcome, request_id, source_address, changes,
         encode(hash, 'hex') as hash, encode(previous_hash, 'hex') as previous_hash"
    };
}

fn from_row(row: &PgRow) -> Result<Entry, sqlx::Error> {
    Ok(Entry {
        id: id(row, "id", AuditEntryId::from_uuid)?,
        organization_id: id(row, "organization_id", OrganizationId::from_uuid)?,
        sequence: row.try_get("sequence")?,
        at: row.try_get("at")?,
        user_id: id_if_any(row, "actor_user_id", UserId::from_uuid)?,
        key_id: id_if_any(row, "actor_api_key_id", ApiKeyId::from_uuid)?,
        role: row.try_get("actor_role")?,
        actor_organization_id: id_if_any(row, "actor_organization_id", OrganizationId::from_uuid)?,
        action: row.try_get("action")?,
        resource_type: row.try_get("resource_type")?,
        resource_id: row.try_get("resource_id")?,
        outcome: row.try_get("outcome")?,
        request_id: row.try_get("request_id")?,
        source_address: row.try_get("source_address")?,
        changes: row.try_get::<Option<Json<Value>>, _>("changes")?.map(|json| json.0),
        hash: row.try_get("hash")?,
        previous_hash: row.try_get("previous_hash")?,
    })
}

/// Records what the scope's actor does in the organization.
pub async fn record(tx: &mut TenantTx, at: Timestamp, event: Event) -> Result<(), Error> {
    let (organization, trail) = (tx.organization(), tx.scope().trail().clone());
    insert(tx.connection(), organization, &trail, at, event).await
}

/// Records what an admin or the deployment does to an organization, in that organization's log.
pub async fn record_of_platform(
    tx: &mut PlatformTx,
    organization: OrganizationId,
    trail: &Trail,
    at: Timestamp,
    event: Event,
) -> Result<(), Error> {
    insert(tx.connection(), organization, trail, at, event).await
}

async fn insert(
    connection: &mut PgConnection,
    organization: OrganizationId,
    trail: &Trail,
    at: Timestamp,
    event: Event,
) -> Result<(), Error> {
    let query = "insert into audit_entries
             (id, organization_id, at, actor_user_id, actor_api_key_id, actor_role, actor_organization_id, action,
              resource_type, resource_id, outcome, request_id, source_address, changes)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    let (user, api_key, role, home) = match trail.actor {
        Actor::User { user, api_key, role, organization } => {
            (Some(user.uuid()), Some(api_key.uuid()), Some(role.as_str()), Some(organization.uuid()))
        }
        Actor::System => (None, None, None, None),
    };
    sqlx::query(query)
        .bind(AuditEntryId::generate(at).uuid())
        .bind(organization.uuid())
        .bind(at)
        .bind(user)
        .bind(api_key)
        .bind(role)
        .bind(home)
        .bind(event.action.as_str())
        .bind(event.resource.kind())
        .bind(event.resource.id())
        .bind(event.outcome.as_str())
        .bind(trail.origin.request_id.as_deref())
        .bind(trail.origin.source_address.map(|address| address.to_string()))
        .bind(event.changes.map(Json))
        .execute(connection)
        .await?;
    Ok(())
}

/// Which entries of a log are wanted; every condition that is there must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of this user.
    pub actor: Option<UserId>,
    /// Those of this action.
    pub action: Option<String>,
    /// Those on the resource with this id.
    pub resource: Option<String>,
    /// Those at this moment or later.
    pub after: Option<Timestamp>,
    /// Those before this moment.
    pub before: Option<Timestamp>,
}

/// The organization's log, newest first.
pub async fn list(tx: &mut TenantTx, filter: &Filter, page: PageRequest) -> Result<Page<Entry>, Error> {
    let organization = tx.organization();
    select(tx.connection(), Some(organization), filter, page).await
}

/// The logs of all organizations, newest first.
pub async fn list_all(tx: &mut PlatformTx, filter: &Filter, page: PageRequest) -> Result<Page<Entry>, Error> {
    select(tx.connection(), None, filter, page).await
}

async fn select(
    connection: &mut PgConnection,
    organization: Option<OrganizationId>,
    filter: &Filter,
    page: PageRequest,
) -> Result<Page<Entry>, Error> {
    let mut query = QueryBuilder::new(concat!("select ", columns!(), " from audit_entries where "));
    if let Some(organization) = organization {
        query.push("organization_id = ").push_bind(organization.uuid()).push(" and ");
    }
    query.push("id < ").push_bind(page.before());
    if let Some(actor) = filter.actor {
        query.push(" and actor_user_id = ").push_bind(actor.uuid());
    }
    if let Some(action) = &filter.action {
        query.push(" and action = ").push_bind(action);
    }
    if let Some(resource) = &filter.resource {
        query.push(" and resource_id = ").push_bind(resource);
    }
    if let Some(after) = filter.after {
        query.push(" and at >= ").push_bind(after);
    }
    if let Some(before) = filter.before {
        query.push(" and at < ").push_bind(before);
    }
    query.push(" order by id desc");
    if filter.after.or(filter.before).is_some() {
        list::plan_for_arguments(connection).await?;
    }
    list::filtered(connection, query, page, from_row).await
}

/// What a look at the whole chain found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    /// How many entries the log has.
    pub entries: i64,
    /// The first place in the log where an entry was altered or is missing.
    pub broken_at: Option<i64>,
}

/// Computes every hash of the organization's log again.
pub async fn verify(tx: &mut TenantTx) -> Result<Verification, Error> {
    let query = "
        with links as (
            select sequence, hash, previous_hash, audit_entry_hash(entry) as expected,
                   lag(hash, 1, ''::bytea) over (order by sequence) as before,
                   row_number() over (order by sequence) as place
            from audit_entries as entry where organization_id = $1
        ), broken as (
            select min(place) as place from links
            where place <> sequence or hash <> expected or previous_hash <> before
        ), length as (
            select count(*) as entries, coalesce((array_agg(hash order by sequence desc))[1], ''::bytea) as last from links
        )
        select length.entries,
               coalesce(
                   broken.place,
                   case when (length.entries, length.last) is distinct from (coalesce(head.sequence, 0), coalesce(head.hash, ''))
                        then length.entries + 1 end
               ) as broken_at
        from length cross join broken left join audit_heads as head on head.organization_id = $1";
    let organization = tx.organization().uuid();
    let row = sqlx::query(query).bind(organization).fetch_one(tx.connection()).await?;
    Ok(Verification { entries: row.try_get("entries")?, broken_at: row.try_get("broken_at")? })
}
