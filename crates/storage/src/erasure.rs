//! The erasure of an organization: its rows, table by table, a piece at a time.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Row as _, types::Json};
use tenantry_domain::OrganizationId;

use crate::{Error, PlatformTx};

/// Every table with tenants' rows, each before those it refers to.
const TABLES: &[&str] = &[
    "idempotency_keys",
    "schedules",
    "secrets",
    "executions",
    "workflow_revisions",
    "workflows",
    "api_key_secrets",
    "api_keys",
    "users",
    "quotas",
    "audit_entries",
    "audit_heads",
];
/// How many rows one transaction removes at most.
const PIECE: i64 = 5_000;

/// Removes some of the organization's rows and notes how many. Answers whether there may be more.
pub async fn erase_piece(tx: &mut PlatformTx, organization: OrganizationId) -> Result<bool, Error> {
    for table in TABLES {
        let delete = format!(
            "delete from {table} where ctid = any (array(
                 select ctid from {table} where organization_id = $1 limit {PIECE}
             ))"
        );
        let query = sqlx::query(AssertSqlSafe(delete)).bind(organization.uuid());
        let removed = query.execute(tx.connection()).await?.rows_affected();
        if removed > 0 {
            note(tx, organization, table, removed).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

async fn note(
    tx: &mut PlatformTx,
    organization: OrganizationId,
    table: &str,
    removed: u64,
) -> Result<(), Error> {
    let query = "update organizations
         set erased = erased || jsonb_build_object($2::text, coalesce((erased ->> $2)::bigint, 0) + $3)
         where id = $1";
    let removed = i64::try_from(removed).unwrap_or(i64::MAX);
    sqlx::query(query).bind(organization.uuid()).bind(table).bind(removed).execute(tx.connection()).await?;
    Ok(())
}

/// Removes the organization itself, when nothing refers to it any more, and answers what was erased with it.
pub async fn finish(tx: &mut PlatformTx, organization: OrganizationId) -> Result<Option<Value>, Error> {
    let query = "delete from organizations where id = $1 and status = 'deleting' returning erased";
    let row = sqlx::query(query).bind(organization.uuid()).fetch_optional(tx.connection()).await?;
    Ok(row.map(|row| row.try_get::<Json<Value>, _>("erased")).transpose()?.map(|json| json.0))
}
