//! Quotas of an organization: what it may have, and what it has.

use sqlx::{AssertSqlSafe, PgConnection, Row as _, postgres::PgRow};
use tenantry_domain::{OrganizationId, Quota, Quotas, Timestamp, quota::Exceeded};

use crate::{Error, PlatformTx, TenantTx};

fn from_row(row: Option<&PgRow>) -> Result<Quotas, Error> {
    let mut set = Vec::new();
    for &quota in Quota::ALL {
        let limit: Option<i32> = row.map(|row| row.try_get(quota.as_str())).transpose()?.flatten();
        set.push(limit.and_then(|limit| u32::try_from(limit).ok()));
    }
    Ok(Quotas::new(|quota| set[quota as usize]))
}

/// What the organization may have.
pub async fn get(tx: &mut TenantTx) -> Result<Quotas, Error> {
    let organization = tx.organization();
    select(tx.connection(), organization).await
}

/// What an organization may have.
pub async fn of(tx: &mut PlatformTx, organization: OrganizationId) -> Result<Quotas, Error> {
    select(tx.connection(), organization).await
}

async fn select(connection: &mut PgConnection, organization: OrganizationId) -> Result<Quotas, Error> {
    let query = "select * from quotas where organization_id = $1";
    let row = sqlx::query(query).bind(organization.uuid()).fetch_optional(connection).await?;
    from_row(row.as_ref())
}

/// Sets some limits of an organization.
pub async fn set(
    tx: &mut PlatformTx,
    organization: OrganizationId,
    limits: &[(Quota, u32)],
) -> Result<(), Error> {
    let query = "insert into quotas (organization_id) values ($1) on conflict do nothing";
    sqlx::query(query).bind(organization.uuid()).execute(tx.connection()).await?;
    for &(quota, limit) in limits {
        // The column's name is a word of the closed set.
        let query = AssertSqlSafe(format!("update quotas set {quota} = $2 where organization_id = $1"));
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        sqlx::query(query).bind(organization.uuid()).bind(limit).execute(tx.connection()).await?;
    }
    Ok(())
}

/// What the organization has of it.
pub async fn used(tx: &mut TenantTx, quota: Quota, now: Timestamp) -> Result<u32, Error> {
    let query = match quota {
        Quota::Users => "select count(*) from users where organization_id = $1 and $2 is not null",
        Quota::ApiKeys => {
            "select count(*) from api_keys where organization_id = $1 and revoked_at is null
                 and (expires_at is null or expires_at > $2)"
        }
        Quota::Workflows => {
            "select count(*) from workflows where organization_id = $1 and first_revision is not null and $2 is not null"
        }
        Quota::Schedules => {
            "select count(*) from schedules where organization_id = $1 and deleted_at is null and $2 is not null"
        }
        Quota::RunningExecutions => {
            "select count(*) from executions where organization_id = $1 and status in ('pending', 'running')
                 and $2 is not null"
        }
        Quota::StartsPerSecond => {
            "select count(*) from executions where organization_id = $1 and started_at > $2 - interval '1 s'"
        }
        Quota::RequestsPerSecond | Quota::RetentionDays | Quota::ConcurrentActivities => return Ok(0),
    };
    let organization = tx.organization().uuid();
    let row = sqlx::query(query).bind(organization).bind(now).fetch_one(tx.connection()).await?;
    Ok(u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or(u32::MAX))
}

/// Makes sure that there may be one more. Until the transaction ends, nobody else gets an answer for the same quota, so
/// that two that come at once cannot both be the last.
pub async fn reserve(tx: &mut TenantTx, quota: Quota, now: Timestamp) -> Result<Result<(), Exceeded>, Error> {
    let (limit, used) = locked(tx, quota, now).await?;
    Ok(if used < limit { Ok(()) } else { Err(Exceeded { quota, limit, used }) })
}

/// The same for one that this transaction has made already.
pub async fn check(tx: &mut TenantTx, quota: Quota, now: Timestamp) -> Result<Result<(), Exceeded>, Error> {
    let (limit, used) = locked(tx, quota, now).await?;
    Ok(if used <= limit { Ok(()) } else { Err(Exceeded { quota, limit, used: used - 1 }) })
}

async fn locked(tx: &mut TenantTx, quota: Quota, now: Timestamp) -> Result<(u32, u32), Error> {
    let lock = format!("{quota}:{}", tx.organization());
    let query = "select pg_advisory_xact_lock(hashtextextended($1, 0))";
    sqlx::query(query).bind(lock).execute(tx.connection()).await?;
    Ok((get(tx).await?.limit(quota), used(tx, quota, now).await?))
}
