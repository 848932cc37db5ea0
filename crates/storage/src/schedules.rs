//! Schedules of an organization's workflows.

use serde_json::Value;
use sqlx::{Row as _, postgres::PgRow, types::Json};
use tenantry_domain::{
    Page, PageRequest, Schedule, ScheduleId, Timestamp, UserId, WorkflowName,
    schedule::{Cron, Interval, Overlap, ScheduleNote, ScheduleSpec, TimeZone},
};

use crate::{
    Error, TenantTx, list,
    row::{id, id_if_any, word},
};

/// Schedules with the names of their workflows, and with what is to stand for their inputs.
macro_rules! select {
    ($input:literal) => {
        concat!(
            "select schedules.id, workflows.name as workflow, ",
            $input,
            " as input, schedules.cron, schedules.timezone, schedules.every_seconds, schedules.overlap, schedules.paused,
                 schedules.note, schedules.created_at, schedules.updated_at, schedules.created_by
             from schedules join workflows
                 on workflows.organization_id = schedules.organization_id and workflows.id = schedules.workflow_id"
        )
    };
    () => {
        select!("schedules.input")
    };
}

fn from_row(row: &PgRow) -> Result<Schedule, sqlx::Error> {
    Ok(Schedule {
        id: id(row, "id", ScheduleId::from_uuid)?,
        workflow: row.try_get("workflow")?,
        input: row.try_get::<Option<Json<Value>>, _>("input")?.map(|json| json.0),
        spec: spec_from_row(row)?,
        overlap: word(row, "overlap")?,
        paused: row.try_get("paused")?,
        note: row.try_get("note")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        created_by: id_if_any(row, "created_by", UserId::from_uuid)?,
    })
}

fn spec_from_row(row: &PgRow) -> Result<ScheduleSpec, sqlx::Error> {
    if let Some(seconds) = row.try_get("every_seconds")? {
        return Ok(ScheduleSpec::Every(Interval::from_storage(seconds)));
    }
    Ok(ScheduleSpec::Cron {
        cron: Cron::from_storage(row.try_get("cron")?),
        timezone: TimeZone::from_storage(row.try_get("timezone")?),
    })
}

/// What a spec is in the columns `cron`, `timezone` and `every_seconds`.
fn spec_columns(spec: &ScheduleSpec) -> (Option<&str>, Option<&str>, Option<i32>) {
    match spec {
        ScheduleSpec::Cron { cron, timezone } => (Some(cron.as_str()), Some(timezone.as_str()), None),
        ScheduleSpec::Every(interval) => (None, None, Some(interval.seconds())),
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
    /// Whether it starts nothing for now.
    pub paused: bool,
    /// What people want to remember of it.
    pub note: &'a ScheduleNote,
}

/// Makes a schedule, if the organization has the workflow.
pub async fn insert(
    tx: &mut TenantTx,
    new: NewSchedule<'_>,
    now: Timestamp,
) -> Result<Option<Schedule>, Error> {
    // A statement does not see what it writes: here `schedules` is the row that was written, and so in `update`.
    let query = concat!(
        "with schedules as (
             insert into schedules
                 (id, organization_id, workflow_id, input, cron, timezone, every_seconds, overlap, paused, note,
                  created_at, updated_at, created_by)
             select $1, organization_id, id, $4::json, $5, $6, $7, $8, $9, $10, $11, $11, $12 from workflows
             where organization_id = $2 and name = $3
             returning *
         ) ",
        select!()
    );
    let (organization, created_by) =
        (tx.organization().uuid(), tx.scope().trail().actor.user().map(UserId::uuid));
    let (cron, timezone, every_seconds) = spec_columns(new.spec);
    let row = sqlx::query(query)
        .bind(ScheduleId::generate(now).uuid())
        .bind(organization)
        .bind(new.workflow.as_str())
        .bind(new.input.to_string())
        .bind(cron)
        .bind(timezone)
        .bind(every_seconds)
        .bind(new.overlap.as_str())
        .bind(new.paused)
        .bind(new.note.as_str())
        .bind(now)
        .bind(created_by)
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The schedule with this id.
pub async fn get(tx: &mut TenantTx, schedule: ScheduleId) -> Result<Option<Schedule>, Error> {
    let query = concat!(select!(), " where schedules.organization_id = $1 and schedules.id = $2");
    let organization = tx.organization().uuid();
    let row =
        sqlx::query(query).bind(organization).bind(schedule.uuid()).fetch_optional(tx.connection()).await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// The organization's schedules, newest first. An input that is larger than 4 KiB is left out, so that a page has a bound.
pub async fn list(tx: &mut TenantTx, page: PageRequest) -> Result<Page<Schedule>, Error> {
    let query = concat!(
        select!("case when length(schedules.input::text) <= 4096 then schedules.input end"),
        " where schedules.organization_id = $1 and schedules.id < $2 order by schedules.id desc limit $3"
    );
    list::page(tx, query, page, from_row).await
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
    /// Whether it starts nothing for now.
    pub paused: Option<bool>,
    /// What people want to remember of it.
    pub note: Option<ScheduleNote>,
}

/// Changes a schedule.
pub async fn update(
    tx: &mut TenantTx,
    schedule: ScheduleId,
    changes: &Changes,
    now: Timestamp,
) -> Result<Option<Schedule>, Error> {
    let query = concat!(
        "with schedules as (
             update schedules
             set input = coalesce($3::json, input),
                 cron = case when $4 then $5 else cron end,
                 timezone = case when $4 then $6 else timezone end,
                 every_seconds = case when $4 then $7 else every_seconds end,
                 overlap = coalesce($8, overlap), paused = coalesce($9, paused), note = coalesce($10, note),
                 updated_at = $11
             where organization_id = $1 and id = $2
             returning *
         ) ",
        select!()
    );
    let organization = tx.organization().uuid();
    let (cron, timezone, every_seconds) = changes.spec.as_ref().map_or_else(Default::default, spec_columns);
    let row = sqlx::query(query)
        .bind(organization)
        .bind(schedule.uuid())
        .bind(changes.input.as_ref().map(Value::to_string))
        .bind(changes.spec.is_some())
        .bind(cron)
        .bind(timezone)
        .bind(every_seconds)
        .bind(changes.overlap.map(Overlap::as_str))
        .bind(changes.paused)
        .bind(changes.note.as_ref().map(ScheduleNote::as_str))
        .bind(now)
        .fetch_optional(tx.connection())
        .await?;
    Ok(row.as_ref().map(from_row).transpose()?)
}

/// Removes a schedule; answers whether it was there.
pub async fn delete(tx: &mut TenantTx, schedule: ScheduleId) -> Result<bool, Error> {
    let query = "delete from schedules where organization_id = $1 and id = $2";
    let organization = tx.organization().uuid();
    let done = sqlx::query(query).bind(organization).bind(schedule.uuid()).execute(tx.connection()).await?;
    Ok(done.rows_affected() == 1)
}
