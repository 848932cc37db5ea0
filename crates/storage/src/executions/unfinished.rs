//! What the reconciler finds: executions that have not ended.

use chrono::TimeDelta;
use serde_json::Value;
use sqlx::{Row as _, postgres::PgRow, types::Json};
use tenantry_domain::{Execution, ExecutionId, Organization, OrganizationId, Timestamp, execution::Handle};
use uuid::Uuid;

use super::{columns, from_row, tables, workflow_id};
use crate::{Error, PlatformTx, Store, TenantTx, organizations, row::id};

/// An organization with executions that have not ended.
#[derive(Clone, Debug)]
pub struct Busy {
    /// Which.
    pub organization: Organization,
    /// Whether the hosted worker has some of them to do.
    pub hosted: bool,
}

/// Organizations with work: active ones with an execution that has not ended, and suspended ones with an execution that
/// is to stop.
pub async fn organizations_with_work(store: &Store) -> Result<Vec<Busy>, Error> {
    let query = concat!(
        "select exists (
             select from executions
             where organization_id = organizations.id and status in ('pending', 'running') and workflow_type is null
               and (organizations.status = 'active' or cancel_requested_at is not null)
         ) as hosted, ",
        organizations::columns!(),
        " from organizations where (status = 'active' and id in (
              select organization_id from executions where status in ('pending', 'running')
          )) or (status = 'suspended' and id in (
              select organization_id from executions
              where status in ('pending', 'running') and cancel_requested_at is not null
          ))"
    );
    let rows = sqlx::query(query).fetch_all(&mut *store.platform_connection().await?).await?;
    let busy = |row| Ok(Busy { organization: organizations::from_row(row)?, hosted: row.try_get("hosted")? });
    Ok(rows.iter().map(busy).collect::<Result<_, sqlx::Error>>()?)
}

fn handle(row: &PgRow) -> Result<Handle, sqlx::Error> {
    Ok(Handle {
        id: id(row, "id", ExecutionId::from_uuid)?,
        workflow_id: workflow_id(row)?,
        first_run_id: row.try_get("first_run_id")?,
        run_id: row.try_get("run_id")?,
    })
}

/// Executions that are to stop and of which Temporal has not heard, up to a number.
pub async fn to_cancel(tx: &mut TenantTx, limit: i64) -> Result<Vec<Handle>, Error> {
    let query = "select id, temporal_workflow_id, first_run_id, run_id from executions
         where organization_id = $1 and status in ('pending', 'running')
           and cancel_requested_at is not null and cancel_sent_at is null
         limit $2";
    let organization = tx.organization().uuid();
    let rows = sqlx::query(query).bind(organization).bind(limit).fetch_all(tx.connection()).await?;
    Ok(rows.iter().map(handle).collect::<Result<_, _>>()?)
}

/// An execution that Temporal does not have yet.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The execution.
    pub execution: Execution,
    /// The definition that it runs, if it runs one.
    pub definition: Option<Value>,
}

/// Executions that were recorded before `before` and are not in Temporal's hands yet, the oldest first.
pub async fn pending(tx: &mut TenantTx, before: Timestamp, limit: i64) -> Result<Vec<Pending>, Error> {
    let query = concat!(
        "select ",
        columns!(),
        ", revisions.definition from ",
        tables!(),
        " left join workflow_revisions as revisions
              on revisions.organization_id = executions.organization_id
             and revisions.workflow_id = executions.workflow_id and revisions.revision = executions.revision
          where executions.organization_id = $1 and executions.status = 'pending' and executions.started_at < $2
            and executions.cancel_requested_at is null
          order by executions.id limit $3"
    );
    let organization = tx.organization().uuid();
    let rows =
        sqlx::query(query).bind(organization).bind(before).bind(limit).fetch_all(tx.connection()).await?;
    let both = |row| {
        let definition = PgRow::try_get::<Option<Json<Value>>, _>(row, "definition")?.map(|json| json.0);
        Ok(Pending { execution: from_row(row)?, definition })
    };
    Ok(rows.iter().map(both).collect::<Result<_, sqlx::Error>>()?)
}

/// Those executions that run by one of these names, as far as is known here.
pub async fn running_among(tx: &mut TenantTx, workflow_ids: &[String]) -> Result<Vec<Handle>, Error> {
    let own: Vec<Uuid> =
        workflow_ids.iter().filter_map(|id| id.parse().ok()).map(ExecutionId::uuid).collect();
    let query = "select id, temporal_workflow_id, first_run_id, run_id from executions
         where organization_id = $1 and status = 'running' and id = any ($2) and temporal_workflow_id is null
         union all
         select id, temporal_workflow_id, first_run_id, run_id from executions
         where organization_id = $1 and status = 'running' and temporal_workflow_id = any ($3) and schedule_id is null
         union all
         select id, temporal_workflow_id, first_run_id, run_id from executions
         where organization_id = $1 and status = 'running' and temporal_workflow_id = any ($3)
           and schedule_id is not null";
    let organization = tx.organization().uuid();
    let rows =
        sqlx::query(query).bind(organization).bind(own).bind(workflow_ids).fetch_all(tx.connection()).await?;
    Ok(rows.iter().map(handle).collect::<Result<_, _>>()?)
}

/// Executions that run and of which Temporal was last asked before `before`, those first of which it was longest ago.
pub async fn to_check(tx: &mut TenantTx, before: Timestamp, limit: i64) -> Result<Vec<Handle>, Error> {
    let query = "select id, temporal_workflow_id, first_run_id, run_id from executions
         where organization_id = $1 and status = 'running' and checked_at < $2
         order by checked_at limit $3";
    let organization = tx.organization().uuid();
    let rows =
        sqlx::query(query).bind(organization).bind(before).bind(limit).fetch_all(tx.connection()).await?;
    Ok(rows.iter().map(handle).collect::<Result<_, _>>()?)
}

/// An organization in whose namespace executions may have ended.
#[derive(Clone, Debug)]
pub struct Look {
    /// Which.
    pub organization: Organization,
    /// The latest end that is known, by Temporal's clock.
    pub seen: Option<Timestamp>,
}

/// Takes organizations whose ends are to be looked for, up to a number, and puts the next look off, so that no other node looks
/// meanwhile: by `own` where own workers are at work, and by `hosted` where all that runs reports its end by itself.
pub async fn take_looks(
    tx: &mut PlatformTx,
    now: Timestamp,
    own: TimeDelta,
    hosted: TimeDelta,
    limit: i64,
) -> Result<Vec<Look>, Error> {
    let query = concat!(
        "update organizations set ends_looked_at = $1
         where id in (
             select id from organizations
             where status in ('active', 'suspended')
               and id in (select organization_id from executions where status = 'running')
               and (ends_looked_at is null or ends_looked_at <= case when exists (
                   select from executions
                   where organization_id = organizations.id and status in ('pending', 'running')
                     and workflow_type is not null
               ) then $2::timestamptz else $3 end)
             order by ends_looked_at nulls first limit $4 for no key update skip locked
         )
         returning ends_seen, ",
        organizations::columns!()
    );
    let rows = sqlx::query(query)
        .bind(now)
        .bind(now - own)
        .bind(now - hosted)
        .bind(limit)
        .fetch_all(tx.connection())
        .await?;
    let look =
        |row| Ok(Look { organization: organizations::from_row(row)?, seen: row.try_get("ends_seen")? });
    Ok(rows.iter().map(look).collect::<Result<_, sqlx::Error>>()?)
}

/// Notes the latest end that was seen, so that the next look begins there.
pub async fn looked(tx: &mut PlatformTx, organization: OrganizationId, seen: Timestamp) -> Result<(), Error> {
    let query = "update organizations set ends_seen = greatest(ends_seen, $2) where id = $1";
    sqlx::query(query).bind(organization.uuid()).bind(seen).execute(tx.connection()).await?;
    Ok(())
}
