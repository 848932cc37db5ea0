//! What brings Temporal to the schedules, and hosted workers to what they start.
//!
//! A change of a schedule, or of its organization's status, makes its `generation` grow. Whoever brings Temporal to it takes it first,
//! for a while in which nobody else does, and then writes which generation Temporal has. If that is not the present one, it is taken
//! again.

use chrono::TimeDelta;
use sqlx::{Row as _, postgres::PgRow};
use tenantry_domain::{Organization, OrganizationId, OrganizationStatus, Schedule, ScheduleId, Timestamp};

use super::{from_row, select};
use crate::{
    Error, PlatformTx, Store, TenantTx, organizations,
    row::{id, word},
};

/// A schedule as Temporal is to have it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What somebody wants.
    pub schedule: Schedule,
    /// Which wish this is.
    pub generation: i32,
    /// Whether Temporal is to have none.
    pub deleted: bool,
    /// The status of its organization.
    pub organization: OrganizationStatus,
}

impl Kept {
    /// Whether it starts nothing, because somebody wants that or because its organization is at rest.
    pub fn rests(&self) -> bool {
        self.schedule.paused || self.organization != OrganizationStatus::Active
    }
}

/// The schedule as it is to be now. Whatever changes afterwards has another generation.
async fn kept(tx: &mut TenantTx, schedule: ScheduleId) -> Result<Option<Kept>, Error> {
    // One statement: a status that is older than the generation would be taken for its own.
    let query = concat!(
        "select kept.*, organizations.status as organization_status from (",
        select!(),
        " where schedules.organization_id = $1 and schedules.id = $2) as kept
          join organizations on organizations.id = $1"
    );
    let organization = tx.organization().uuid();
    let row =
        sqlx::query(query).bind(organization).bind(schedule.uuid()).fetch_optional(tx.connection()).await?;
    let kept = |row: &PgRow| {
        Ok::<_, sqlx::Error>(Kept {
            schedule: from_row(row)?,
            generation: row.try_get("generation")?,
            deleted: row.try_get::<Option<Timestamp>, _>("deleted_at")?.is_some(),
            organization: word(row, "organization_status")?,
        })
    };
    Ok(row.as_ref().map(kept).transpose()?)
}

/// Takes one schedule that is to be applied, if nobody else has it, until `until`.
pub async fn take(
    tx: &mut TenantTx,
    schedule: ScheduleId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Kept>, Error> {
    let query = "update schedules set next_attempt_at = $4
         where organization_id = $1 and id = $2 and applied_generation <> generation and next_attempt_at <= $3";
    let organization = tx.organization().uuid();
    let done = sqlx::query(query)
        .bind(organization)
        .bind(schedule.uuid())
        .bind(now)
        .bind(until)
        .execute(tx.connection())
        .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    kept(tx, schedule).await
}

/// A schedule that was taken over all organizations.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Whose.
    pub organization: Organization,
    /// Which.
    pub schedule: ScheduleId,
}

fn taken(row: &PgRow) -> Result<Taken, sqlx::Error> {
    Ok(Taken {
        organization: organizations::from_row(row)?,
        schedule: id(row, "schedule_id", ScheduleId::from_uuid)?,
    })
}

/// Takes schedules that are to be applied and that nobody else has, up to a number, those first that wait the longest.
pub async fn take_unapplied(
    tx: &mut PlatformTx,
    now: Timestamp,
    lease: TimeDelta,
    limit: i64,
) -> Result<Vec<Taken>, Error> {
    let query = concat!(
        "with taken as (
             update schedules set next_attempt_at = $2
             where (organization_id, id) in (
                 select schedules.organization_id, schedules.id
                 from schedules join organizations on organizations.id = schedules.organization_id
                 where applied_generation <> generation and schedules.next_attempt_at <= $1
                   and organizations.status in ('active', 'suspended')
                 order by schedules.next_attempt_at limit $3 for no key update of schedules skip locked
             )
             returning organization_id, id
         )
         select taken.id as schedule_id, ",
        organizations::columns!(),
        " from taken join organizations on organizations.id = taken.organization_id"
    );
    let rows = sqlx::query(query).bind(now).bind(now + lease).bind(limit).fetch_all(tx.connection()).await?;
    Ok(rows.iter().map(taken).collect::<Result<_, sqlx::Error>>()?)
}

/// The schedule as it is to be, for whoever has taken it; nothing, if Temporal has been brought to it since.
pub async fn unapplied(tx: &mut TenantTx, schedule: ScheduleId) -> Result<Option<Kept>, Error> {
    Ok(kept(tx, schedule).await?.filter(|kept| !kept.schedule.applied))
}

/// Writes what Temporal has now, and when a worker is needed next. Another change may have come meanwhile: then it is free to be taken.
pub async fn applied(
    tx: &mut TenantTx,
    kept: &Kept,
    next_run_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Error> {
    let query = "update schedules set applied_generation = $3, next_attempt_at = $4, next_run_at = $5
         where organization_id = $1 and id = $2";
    let organization = tx.organization().uuid();
    sqlx::query(query)
        .bind(organization)
        .bind(kept.schedule.id.uuid())
        .bind(kept.generation)
        .bind(now)
        .bind(next_run_at)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Removes a deleted schedule that Temporal has not any more.
pub async fn delete_for_good(tx: &mut TenantTx, schedule: ScheduleId) -> Result<(), Error> {
    let query = "delete from schedules where organization_id = $1 and id = $2 and deleted_at is not null";
    let organization = tx.organization().uuid();
    sqlx::query(query).bind(organization).bind(schedule.uuid()).execute(tx.connection()).await?;
    Ok(())
}

/// Gives back a schedule that was taken and could not be applied, to be taken again later.
pub async fn postpone(tx: &mut TenantTx, schedule: ScheduleId, until: Timestamp) -> Result<(), Error> {
    let query = "update schedules set next_attempt_at = $3 where organization_id = $1 and id = $2";
    let organization = tx.organization().uuid();
    sqlx::query(query).bind(organization).bind(schedule.uuid()).bind(until).execute(tx.connection()).await?;
    Ok(())
}

/// Has every schedule of an organization applied anew: its status has changed, or Temporal has lost them.
pub async fn touch_all(tx: &mut PlatformTx, organization: OrganizationId) -> Result<(), Error> {
    let query = "update schedules set generation = generation + 1 where organization_id = $1";
    sqlx::query(query).bind(organization.uuid()).execute(tx.connection()).await?;
    Ok(())
}

/// Active organizations of which a schedule starts something before this moment, or may have and nobody has looked since.
pub async fn due_organizations(store: &Store, before: Timestamp) -> Result<Vec<Organization>, Error> {
    let query = concat!(
        "select ",
        organizations::columns!(),
        " from organizations where status = 'active'
             and id = any (array(select distinct organization_id from schedules where next_run_at <= $1))"
    );
    let rows = sqlx::query(query).bind(before).fetch_all(&mut *store.platform_connection().await?).await?;
    Ok(rows.iter().map(organizations::from_row).collect::<Result<_, sqlx::Error>>()?)
}

/// Takes schedules that were due and at which nobody else looks, up to a number.
pub async fn take_due(
    tx: &mut PlatformTx,
    now: Timestamp,
    lease: TimeDelta,
    limit: i64,
) -> Result<Vec<Taken>, Error> {
    let query = concat!(
        "with taken as (
             update schedules set next_look_at = $2
             where (organization_id, id) in (
                 select schedules.organization_id, schedules.id
                 from schedules join organizations on organizations.id = schedules.organization_id
                 where schedules.next_run_at <= $1 and schedules.next_look_at <= $1
                   and applied_generation = generation and organizations.status = 'active'
                 order by schedules.next_run_at limit $3 for no key update of schedules skip locked
             )
             returning organization_id, id
         )
         select taken.id as schedule_id, ",
        organizations::columns!(),
        " from taken join organizations on organizations.id = taken.organization_id"
    );
    let rows = sqlx::query(query).bind(now).bind(now + lease).bind(limit).fetch_all(tx.connection()).await?;
    Ok(rows.iter().map(taken).collect::<Result<_, sqlx::Error>>()?)
}

/// Writes when a worker is needed next, as Temporal has told; unless somebody wants one sooner since `seen`.
pub async fn watched(
    tx: &mut TenantTx,
    schedule: ScheduleId,
    seen: Option<Timestamp>,
    next_run_at: Option<Timestamp>,
    again_at: Timestamp,
) -> Result<(), Error> {
    let query = "update schedules
         set next_run_at = case when next_run_at is not distinct from $3 then $4 else next_run_at end,
             next_look_at = $5
         where organization_id = $1 and id = $2";
    let organization = tx.organization().uuid();
    sqlx::query(query)
        .bind(organization)
        .bind(schedule.uuid())
        .bind(seen)
        .bind(next_run_at)
        .bind(again_at)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Notes that a schedule starts something at this moment, which its spec does not say.
pub async fn expect_run(tx: &mut TenantTx, schedule: ScheduleId, at: Timestamp) -> Result<(), Error> {
    let query = "update schedules set next_run_at = least(next_run_at, $3)
         where organization_id = $1 and id = $2 and deleted_at is null";
    let organization = tx.organization().uuid();
    sqlx::query(query).bind(organization).bind(schedule.uuid()).bind(at).execute(tx.connection()).await?;
    Ok(())
}

/// How many of these runs, by workflow id and run id, are recorded as executions.
pub async fn runs_recorded(tx: &mut TenantTx, runs: &[(String, String)]) -> Result<usize, Error> {
    let query = "select count(*) from executions
         where organization_id = $1 and schedule_id is not null
           and (temporal_workflow_id, first_run_id) in (select * from unnest($2::text[], $3::text[]))";
    let organization = tx.organization().uuid();
    let (workflow_ids, run_ids): (Vec<&str>, Vec<&str>) =
        runs.iter().map(|(workflow_id, run_id)| (workflow_id.as_str(), run_id.as_str())).unzip();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(workflow_ids)
        .bind(run_ids)
        .fetch_one(tx.connection())
        .await?;
    Ok(usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
}
