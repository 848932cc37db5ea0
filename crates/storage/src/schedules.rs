//! Schedules of an organization's workflows.
//!
//! A row is what somebody wants; `upkeep` is what brings Temporal to it. One that was deleted stays, for nobody to see,
//! until Temporal has deleted its own.

mod upkeep;

use serde_json::Value;
use sqlx::{Row as _, postgres::PgRow, types::Json};
use tenantry_domain::{
    Page, PageRequest, Schedule, ScheduleId, Timestamp, UserId, WorkflowId, WorkflowName,
    schedule::{
        Calendar, CatchupWindow, Cron, Interval, Jitter, Overlap, ScheduleNote, ScheduleSpec, TimeZone,
    },
};

pub use self::upkeep::{
    Kept, Taken, applied, delete_for_good, due_organizations, expect_run, postpone, runs_recorded, take,
    take_due, take_unapplied, touch_all, unapplied, watched,
};
use crate::{
    Error, TenantTx,
    row::{id, id_if_any, word},
    workflows::reachable,
};

/// Schedules with the names of their workflows, and with what is to stand for their inputs.
macro_rules! select {
    ($input:literal) => {
        concat!(
            "select schedules.id, workflows.name as workflow, ",
            $input,
            " as input, schedules.cron, schedules.calendar, schedules.timezone, schedules.every_seconds, schedules.overlap,
                 schedules.jitter_seconds, schedules.catchup_window_seconds, schedules.paused, schedules.note,
                 schedules.applied_generation = schedules.generation as applied, schedules.next_run_at,
                 schedules.created_at, schedules.updated_at, schedules.created_by,
                 schedules.generation, schedules.deleted_at
             from schedules join workflows
                 on workflows.organization_id = schedules.organization_id and workflows.id = schedules.workflow_id"
        )
    };
    () => {
        select!("schedules.input")
    };
}
use select;

fn from_row(row: &PgRow) -> Result<Schedule, sqlx::Error> {
    Ok(Schedule {
        id: id(row, "id", ScheduleId::from_uuid)?,
        workflow: row.try_get("workflow")?,
        input: row.try_get::<Option<Json<Value>>, _>("input")?.map(|json| json.0),
        spec: spec_from_row(row)?,
        overlap: word(row, "overlap")?,
        jitter: Jitter::from_storage(row.try_get("jitter_seconds")?),
        catchup_window: CatchupWindow::from_storage(row.try_get("catchup_window_seconds")?),
        paused: row.try_get("paused")?,
        note: row.try_get("note")?,
        applied: row.try_get("applied")?,
        next_run_at: row.try_get("next_run_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        created_by: id_if_any(row, "created_by", UserId::from_uuid)?,
    })
}

fn spec_from_row(row: &PgRow) -> Result<ScheduleSpec, sqlx::Error> {
    if let Some(seconds) = row.try_get("every_seconds")? {
        return Ok(ScheduleSpec::Every(Interval::from_storage(seconds)));
    }
    let timezone = TimeZone::from_storage(row.try_get("timezone")?);
    if let Some(Json(calendar)) = row.try_get::<Option<Json<Calendar>>, _>("calendar")? {
        return Ok(ScheduleSpec::Calendar { calendar, timezone });
    }
    Ok(ScheduleSpec::Cron { cron: Cron::from_storage(row.try_get("cron")?), timezone })
}

/// What a spec is in the columns of that name.
#[derive(Default)]
struct SpecColumns<'a> {
    cron: Option<&'a str>,
    calendar: Option<Json<&'a Calendar>>,
    timezone: Option<&'a str>,
    every_seconds: Option<i32>,
}

impl<'a> SpecColumns<'a> {
    fn of(spec: &'a ScheduleSpec) -> Self {
        match spec {
            ScheduleSpec::Cron { cron, timezone } => {
                Self { cron: Some(cron.as_str()), timezone: Some(timezone.as_str()), ..Self::default() }
            }
            ScheduleSpec::Calendar { calendar, timezone } => {
                let timezone = Some(timezone.as_str());
                Self { calendar: Some(Json(calendar)), timezone, ..Self::default() }
            }
            ScheduleSpec::Every(interval) => {
                Self { every_seconds: Some(interval.seconds()), ..Self::default() }
            }
        }
    }
}

/// A schedule that does not exist yet.
#[derive(Clone, Copy, Debug)]
pub struct NewSchedule<'a> {
    /// The workflow that it starts.
    pub workflow: &'a WorkflowName,
    /// What each execution is started with.
    pub input: &'a Value,
    /// When it starts.
    pub spec: &'a ScheduleSpec,
    /// What happens when the execution before has not ended.
    pub overlap: Overlap,
    /// By how much each start may be late.
    pub jitter: Jitter,
    /// How late a start may be that was missed.
    pub catchup_window: CatchupWindow,
    /// Whether it starts nothing for now.
    pub paused: bool,
    /// What people want to remember of it, if anything.
    pub note: Option<&'a ScheduleNote>,
}

/// Makes a schedule, if the organization has the workflow and the scope's actor can reach it.
pub async fn insert(
    tx: &mut TenantTx,
    new: NewSchedule<'_>,
    now: Timestamp,
) -> Result<Option<Schedule>, Error> {
    // A statement does not see what it writes: here `schedules` is the row that was written, and so in `update`.
    let query = concat!(
        "with schedules as (
             insert into schedules
                 (id, organization_id, workflow_id, input, cron, calendar, timezone, every_seconds, overlap,
                  jitter_seconds, catchup_window_seconds, paused, note, next_attempt_at, created_at, updated_at, created_by)
             select $1, organization_id, id, $4::json, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $14, $15
             from workflows
             where organization_id = $2 and name = $3 and first_revision is not null
                 and ($16::text[] is null or name = any ($16))
             -- It is not deleted meanwhile.
             for share
             returning *
         ) ",
        select!()
    );
    let (organization, created_by) =
        (tx.organization().uuid(), tx.scope().trail().actor.user().map(UserId::uuid));
    let spec = SpecColumns::of(new.spec);
    let row = sqlx::query(query)
        .bind(ScheduleId::generate(now).uuid())
        .bind(organization)
        .bind(new.workflow.as_str())
        .bind(new.input.to_string())
        .bind(spec.cron)
        .bind(spec.calendar)
        .bind(spec.timezone)
        .bind(spec.every_seconds)
        .bind(new.overlap.as_str())
        .bind(new.jitter.seconds())
        .bind(new.catchup_window.seconds())
        .bind(new.paused)
        .bind(new.note.map_or("", ScheduleNote::as_str))
        .bind(now)
        .bind(created_by)
        .bind(reachable(tx.scope()))
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// Keeps everybody else from changing a schedule until the transaction ends, if there is one.
pub async fn lock(tx: &mut TenantTx, schedule: ScheduleId) -> Result<(), Error> {
    let query = "select from schedules where organization_id = $1 and id = $2 for update";
    let organization = tx.organization().uuid();
    sqlx::query(query).bind(organization).bind(schedule.uuid()).execute(tx.connection()).await?;
    Ok(())
}

/// The schedule with this id, if the scope's actor can reach its workflow.
pub async fn get(tx: &mut TenantTx, schedule: ScheduleId) -> Result<Option<Schedule>, Error> {
    let query = concat!(
        select!(),
        " where schedules.organization_id = $1 and schedules.id = $2 and schedules.deleted_at is null
            and ($3::text[] is null or workflows.name = any ($3))"
    );
    let organization = tx.organization().uuid();
    let row = sqlx::query(query)
        .bind(organization)
        .bind(schedule.uuid())
        .bind(reachable(tx.scope()))
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The schedules of workflows that the scope's actor can reach, newest first. An input that is larger than 4 KiB is left out, so
/// that a page has a bound.
pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Page<Schedule>, Error> {
    let query = concat!(
        select!("case when length(schedules.input::text) <= 4096 then schedules.input end"),
        " where schedules.organization_id = $1 and schedules.id < $2 and schedules.deleted_at is null
            and ($4::text[] is null or workflows.name = any ($4))
          order by schedules.id desc limit $3"
    );
    let organization = tx.organization().uuid();
    let rows = sqlx::query(query)
        .bind(organization)
        .bind(page.before())
        .bind(page.fetch())
        .bind(reachable(tx.scope()))
        .fetch_all(tx.connection())
        .await?;
    Ok(page.page(rows.iter().map(from_row).collect::<Result<_, _>>()?))
}

/// The schedules that start a workflow, up to a number, the newest first, whoever can reach them.
pub async fn of_workflow(
    tx: &mut TenantTx,
    workflow: WorkflowId,
    limit: i64,
) -> Result<Vec<ScheduleId>, Error> {
    let query = "select id from schedules
         where organization_id = $1 and workflow_id = $2 and deleted_at is null order by id desc limit $3";
    let organization = tx.organization().uuid();
    let rows = sqlx::query(query)
        .bind(organization)
        .bind(workflow.uuid())
        .bind(limit)
        .fetch_all(tx.connection())
        .await?;
    Ok(rows.iter().map(|row| id(row, "id", ScheduleId::from_uuid)).collect::<Result<_, _>>()?)
}

/// What is to change of a schedule; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// What each execution is started with.
    pub input: Option<Value>,
    /// When it starts.
    pub spec: Option<ScheduleSpec>,
    /// What happens when the execution before has not ended.
    pub overlap: Option<Overlap>,
    /// By how much each start may be late.
    pub jitter: Option<Jitter>,
    /// How late a start may be that was missed.
    pub catchup_window: Option<CatchupWindow>,
    /// Whether it starts nothing for now.
    pub paused: Option<bool>,
    /// What people want to remember of it.
    pub note: Option<ScheduleNote>,
}

/// Changes a schedule, if the scope's actor can reach its workflow.
pub async fn update(
    tx: &mut TenantTx,
    schedule: ScheduleId,
    changes: &Changes,
    now: Timestamp,
) -> Result<Option<Schedule>, Error> {
    if get(tx, schedule).await?.is_none() {
        return Ok(None);
    }
    let query = concat!(
        "with schedules as (
             update schedules
             set input = coalesce($3::json, input),
                 cron = case when $4 then $5 else cron end,
                 calendar = case when $4 then $6 else calendar end,
                 timezone = case when $4 then $7 else timezone end,
                 every_seconds = case when $4 then $8 else every_seconds end,
                 overlap = coalesce($9, overlap), jitter_seconds = coalesce($10, jitter_seconds),
                 catchup_window_seconds = coalesce($11, catchup_window_seconds), paused = coalesce($12, paused),
                 note = coalesce($13, note), updated_at = $14, generation = generation + 1
             where organization_id = $1 and id = $2 and deleted_at is null
             returning *
         ) ",
        select!()
    );
    let organization = tx.organization().uuid();
    let spec = changes.spec.as_ref().map_or_else(SpecColumns::default, SpecColumns::of);
    let row = sqlx::query(query)
        .bind(organization)
        .bind(schedule.uuid())
        .bind(changes.input.as_ref().map(Value::to_string))
        .bind(changes.spec.is_some())
        .bind(spec.cron)
        .bind(spec.calendar)
        .bind(spec.timezone)
        .bind(spec.every_seconds)
        .bind(changes.overlap.map(Overlap::as_str))
        .bind(changes.jitter.map(Jitter::seconds))
        .bind(changes.catchup_window.map(CatchupWindow::seconds))
        .bind(changes.paused)
        .bind(changes.note.as_ref().map(ScheduleNote::as_str))
        .bind(now)
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// Deletes a schedule, if the scope's actor can reach its workflow: from now on it does not exist, and Temporal is to hear of it.
/// Answers whether it was there.
pub async fn delete(tx: &mut TenantTx, schedule: ScheduleId, now: Timestamp) -> Result<bool, Error> {
    if get(tx, schedule).await?.is_none() {
        return Ok(false);
    }
    let query = "update schedules set deleted_at = $3, generation = generation + 1, next_run_at = null
         where organization_id = $1 and id = $2 and deleted_at is null";
    let organization = tx.organization().uuid();
    let done = sqlx::query(query)
        .bind(organization)
        .bind(schedule.uuid())
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected() == 1)
}
