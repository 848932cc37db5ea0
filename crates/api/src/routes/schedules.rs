//! `/schedules`: workflows that start by themselves.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenantry_domain::{
    Invalid, OrgScope, Page, Permission, ScheduleId, Timestamp, UserId, Versioned as _, WorkflowName,
    schedule::{
        Calendar, CatchupWindow, Cron, Interval, Jitter, Overlap, ScheduleNote, ScheduleSpec, TimeZone,
    },
};
use tenantry_services::{
    Services,
    schedules::{Backfill, Changes, Found, New},
};

use super::executions::given;
use crate::{
    App,
    if_match::IfMatch,
    input::{Body, Fields, InPath, OptionalBody, Query, timestamp, word},
    output::{Created, Data, List, Listed, Moment, Tagged},
    permit::{ReadSchedules, WriteSchedules},
    problem::Problem,
};

/// How many of the next starts are told when nothing is said, and at most.
const UPCOMING: usize = 10;
const MOST_UPCOMING: usize = 100;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(v0!("/schedules"), get(list).post(create))
        .route(v0!("/schedules/{schedule}"), get(read).patch(update).delete(delete))
        .route(v0!("/schedules/{schedule}/pause"), post(pause))
        .route(v0!("/schedules/{schedule}/resume"), post(resume))
        .route(v0!("/schedules/{schedule}/trigger"), post(trigger))
        .route(v0!("/schedules/{schedule}/backfill"), post(backfill))
        .route(v0!("/schedules/{schedule}/upcoming"), get(upcoming))
}

#[derive(Serialize)]
struct ScheduleView {
    id: ScheduleId,
    workflow: String,
    #[serde(flatten)]
    contents: Option<Contents>,
    spec: ScheduleSpec,
    overlap: Overlap,
    jitter_seconds: i32,
    catchup_window_seconds: i32,
    paused: bool,
    applied: bool,
    created_at: Moment,
    updated_at: Moment,
    created_by: Option<UserId>,
}

/// What only those see who may read schedules.
#[derive(Serialize)]
struct Contents {
    input: Option<Value>,
    note: String,
    next_runs: Option<Vec<Moment>>,
}

impl ScheduleView {
    /// As much of it as the scope's actor may see.
    fn of(Found { schedule, next_runs }: Found, scope: &OrgScope) -> Self {
        let next_runs = next_runs.map(|runs| runs.into_iter().map(Into::into).collect());
        let contents = Contents { input: schedule.input, note: schedule.note, next_runs };
        Self {
            id: schedule.id,
            workflow: schedule.workflow,
            contents: scope.allows(Permission::ReadSchedules).then_some(contents),
            spec: schedule.spec,
            overlap: schedule.overlap,
            jitter_seconds: schedule.jitter.seconds(),
            catchup_window_seconds: schedule.catchup_window.seconds(),
            paused: schedule.paused,
            applied: schedule.applied,
            created_at: schedule.created_at.into(),
            updated_at: schedule.updated_at.into(),
            created_by: schedule.created_by,
        }
    }
}

impl Listed for ScheduleView {
    fn cursor(&self) -> String {
        self.id.to_string()
    }
}

/// A moment at which a schedule starts something.
#[derive(Serialize)]
#[serde(transparent)]
struct Start(Moment);

impl Listed for Start {
    fn cursor(&self) -> String {
        String::new()
    }
}

/// A schedule, or what is to change of one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleBody {
    workflow: Option<String>,
    #[serde(default, deserialize_with = "given")]
    input: Option<Value>,
    spec: Option<SpecBody>,
    overlap: Option<String>,
    jitter_seconds: Option<i64>,
    catchup_window_seconds: Option<i64>,
    paused: Option<bool>,
    note: Option<String>,
}

impl ScheduleBody {
    /// What can change.
    fn check(self, fields: &mut Fields) -> Changes {
        Changes {
            input: self.input,
            spec: self.spec.and_then(|spec| spec.check(fields)),
            overlap: fields.optional(self.overlap, |overlap| word("overlap", &overlap)),
            jitter: fields.optional(self.jitter_seconds, Jitter::from_seconds),
            catchup_window: fields.optional(self.catchup_window_seconds, CatchupWindow::from_seconds),
            paused: self.paused,
            note: fields.optional(self.note, |note| ScheduleNote::parse(&note)),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecBody {
    cron: Option<String>,
    calendar: Option<Calendar>,
    every_seconds: Option<i64>,
    timezone: Option<String>,
}

impl SpecBody {
    fn check(self, fields: &mut Fields) -> Option<ScheduleSpec> {
        let is_interval = self.every_seconds.is_some();
        let timezone = match self.timezone {
            Some(_) if is_interval => Err(Invalid::new("spec.timezone", "must not be with every_seconds")),
            timezone => TimeZone::parse(timezone.as_deref().unwrap_or("UTC")),
        };
        let timezone = fields.check(timezone);
        match (self.cron, self.calendar, self.every_seconds) {
            (Some(line), None, None) => {
                let cron = fields.check(Cron::parse(&line));
                cron.zip(timezone).map(|(cron, timezone)| ScheduleSpec::Cron { cron, timezone })
            }
            (None, Some(calendar), None) => {
                let calendar = fields.check_all(calendar.check());
                calendar
                    .zip(timezone)
                    .map(|(calendar, timezone)| ScheduleSpec::Calendar { calendar, timezone })
            }
            (None, None, Some(seconds)) => {
                fields.check(Interval::from_seconds(seconds)).map(ScheduleSpec::Every)
            }
            _ => fields.check(Err(Invalid::new("spec", "must have one of cron, calendar and every_seconds"))),
        }
    }
}

async fn create(
    WriteSchedules(scope): WriteSchedules,
    State(services): State<Arc<Services>>,
    Body(mut body): Body<ScheduleBody>,
) -> Result<Created<ScheduleView>, Problem> {
    let mut fields = Fields::default();
    let workflow = fields.required("workflow", body.workflow.take(), |name| {
        WorkflowName::parse(&name).map_err(|invalid| Invalid::new("workflow", invalid.message))
    });
    if body.spec.is_none() {
        fields.check::<()>(Err(Invalid::new("spec", "is required")));
    }
    let settings = body.check(&mut fields);
    let (workflow, spec) = fields.finish_with(workflow.zip(settings.spec))?;
    let new = New {
        workflow,
        input: settings.input,
        spec,
        overlap: settings.overlap.unwrap_or(Overlap::Skip),
        jitter: settings.jitter.unwrap_or_default(),
        catchup_window: settings.catchup_window.unwrap_or_default(),
        paused: settings.paused.unwrap_or_default(),
        note: settings.note,
    };
    let made = ScheduleView::of(services.schedules.create(&scope, new).await?, &scope);
    Ok(Created { location: format!("/api/v0/schedules/{}", made.id), thing: made })
}

async fn list(
    ReadSchedules(scope): ReadSchedules,
    State(services): State<Arc<Services>>,
    mut query: Query,
) -> Result<List<ScheduleView>, Problem> {
    let page = query.page(ScheduleId::uuid);
    query.finish()?;
    let found = services.schedules.list(&scope, page).await?;
    Ok(List(found.map(|found| ScheduleView::of(found, &scope))))
}

async fn read(
    ReadSchedules(scope): ReadSchedules,
    InPath(schedule): InPath<ScheduleId>,
    State(services): State<Arc<Services>>,
) -> Result<Tagged<ScheduleView>, Problem> {
    Ok(tagged(services.schedules.get(&scope, schedule).await?, &scope))
}

fn tagged(found: Found, scope: &OrgScope) -> Tagged<ScheduleView> {
    let version = found.schedule.version();
    Tagged(ScheduleView::of(found, scope), version)
}

async fn update(
    WriteSchedules(scope): WriteSchedules,
    InPath(schedule): InPath<ScheduleId>,
    IfMatch(expected): IfMatch,
    State(services): State<Arc<Services>>,
    Body(mut body): Body<ScheduleBody>,
) -> Result<Tagged<ScheduleView>, Problem> {
    let mut fields = Fields::default();
    if body.workflow.take().is_some() {
        fields.check::<()>(Err(Invalid::new("workflow", "cannot change; make another schedule")));
    }
    let changes = body.check(&mut fields);
    fields.finish()?;
    Ok(tagged(services.schedules.update(&scope, schedule, &expected, changes).await?, &scope))
}

async fn delete(
    WriteSchedules(scope): WriteSchedules,
    InPath(schedule): InPath<ScheduleId>,
    State(services): State<Arc<Services>>,
) -> Result<StatusCode, Problem> {
    services.schedules.delete(&scope, schedule).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteBody {
    note: Option<String>,
}

impl NoteBody {
    fn check(self) -> Result<Option<ScheduleNote>, Problem> {
        let mut fields = Fields::default();
        let note = fields.optional(self.note, |note| ScheduleNote::parse(&note));
        fields.finish()?;
        Ok(note)
    }
}

async fn pause(
    WriteSchedules(scope): WriteSchedules,
    InPath(schedule): InPath<ScheduleId>,
    State(services): State<Arc<Services>>,
    OptionalBody(body): OptionalBody<NoteBody>,
) -> Result<Data<ScheduleView>, Problem> {
    let paused = services.schedules.pause(&scope, schedule, body.check()?).await?;
    Ok(Data(ScheduleView::of(paused, &scope)))
}

async fn resume(
    WriteSchedules(scope): WriteSchedules,
    InPath(schedule): InPath<ScheduleId>,
    State(services): State<Arc<Services>>,
    OptionalBody(body): OptionalBody<NoteBody>,
) -> Result<Data<ScheduleView>, Problem> {
    let resumed = services.schedules.resume(&scope, schedule, body.check()?).await?;
    Ok(Data(ScheduleView::of(resumed, &scope)))
}

async fn trigger(
    WriteSchedules(scope): WriteSchedules,
    InPath(schedule): InPath<ScheduleId>,
    State(services): State<Arc<Services>>,
) -> Result<(StatusCode, Data<ScheduleView>), Problem> {
    let triggered = services.schedules.trigger(&scope, schedule).await?;
    Ok((StatusCode::ACCEPTED, Data(ScheduleView::of(triggered, &scope))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackfillBody {
    start_time: Option<String>,
    end_time: Option<String>,
    overlap: Option<String>,
}

async fn backfill(
    WriteSchedules(scope): WriteSchedules,
    InPath(schedule): InPath<ScheduleId>,
    State(services): State<Arc<Services>>,
    Body(body): Body<BackfillBody>,
) -> Result<(StatusCode, Data<ScheduleView>), Problem> {
    let mut fields = Fields::default();
    let from = fields.required("start_time", body.start_time, |at| timestamp("start_time", &at));
    let to = fields.required("end_time", body.end_time, |at| timestamp("end_time", &at));
    let overlap = fields.optional(body.overlap, |overlap| word("overlap", &overlap));
    let (from, to) = fields.finish_with(from.zip(to))?;
    let backfilled = services.schedules.backfill(&scope, schedule, Backfill { from, to, overlap }).await?;
    Ok((StatusCode::ACCEPTED, Data(ScheduleView::of(backfilled, &scope))))
}

async fn upcoming(
    ReadSchedules(scope): ReadSchedules,
    InPath(schedule): InPath<ScheduleId>,
    State(services): State<Arc<Services>>,
    mut query: Query,
) -> Result<List<Start>, Problem> {
    let limit = query.take("limit", |text| {
        let limit = text.parse().ok().filter(|limit| (1..=MOST_UPCOMING).contains(limit));
        limit.ok_or_else(|| Invalid::new("limit", format!("must be a number from 1 to {MOST_UPCOMING}")))
    });
    query.finish()?;
    let starts: Vec<Timestamp> =
        services.schedules.upcoming(&scope, schedule, limit.unwrap_or(UPCOMING)).await?;
    Ok(List(Page { items: starts, more: false }.map(|at| Start(at.into()))))
}
