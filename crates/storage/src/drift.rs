//! Namespaces that may not be as they should be: when the reconciler looks at each, and what it notes of it.

use chrono::TimeDelta;
use tenantry_domain::{OrganizationId, Timestamp};
use uuid::Uuid;

use crate::{
    Error, PlatformTx,
    organizations::{Due, columns, due},
};

/// Takes one active organization whose turn it is, if there is one, and gives it its next turn a `period` later, give or take a tenth,
/// so that those that were once late together do not stay so. One that is being settled is looked at by that.
pub async fn take_turn(tx: &mut PlatformTx, now: Timestamp, period: TimeDelta) -> Result<Option<Due>, Error> {
    let row = sqlx::query(concat!(
        "update organizations set next_look_at = $1 + $2 * (0.9 + 0.2 * random())
         where id = (
             select id from organizations where status = 'active' and next_look_at <= $1 and not settle_due
             order by next_look_at limit 1 for no key update skip locked
         )
         returning attempts as tried, drifted,
             (select retention_days from quotas where organization_id = organizations.id) as retention_days, ",
        columns!()
    ))
    .bind(now)
    .bind(period)
    .fetch_optional(tx.connection())
    .await?;
    row.as_ref().map(due).transpose()
}

/// Gives an organization another turn.
pub async fn look_again(
    tx: &mut PlatformTx,
    organization: OrganizationId,
    at: Timestamp,
) -> Result<(), Error> {
    let query = "update organizations set next_look_at = $2 where id = $1";
    sqlx::query(query).bind(organization.uuid()).bind(at).execute(tx.connection()).await?;
    Ok(())
}

/// Asks the reconciler to repair the namespaces of these organizations, unless it is about to. Answers of how many that is news.
pub async fn note(
    tx: &mut PlatformTx,
    organizations: &[OrganizationId],
    now: Timestamp,
) -> Result<u64, Error> {
    let ids: Vec<Uuid> = organizations.iter().map(|organization| organization.uuid()).collect();
    let query =
        "update organizations set drifted = true, settle_due = true, next_attempt_at = $2, attempts = 0
         where id = any ($1) and status in ('active', 'suspended') and not drifted";
    let noted = sqlx::query(query).bind(ids).bind(now).execute(tx.connection()).await?;
    Ok(noted.rows_affected())
}

/// Leaves the namespace of a suspended organization as it is: nobody can repair it. It is looked at again when the organization is
/// resumed.
pub async fn give_up(tx: &mut PlatformTx, organization: OrganizationId, reason: &str) -> Result<(), Error> {
    let query = "update organizations set settle_due = false, drifted = false, status_reason = $2
         where id = $1 and status = 'suspended'";
    sqlx::query(query).bind(organization.uuid()).bind(reason).execute(tx.connection()).await?;
    Ok(())
}
