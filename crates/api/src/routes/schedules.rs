//! `/schedules`: workflows that start by themselves.

use std::sync::Arc;

use axum::extract::State;
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

use utoipa::ToSchema;

use super::executions::given;
use crate::{
    if_match::IfMatch,
    input::{Body, Fields, InPath, NoQuery, OptionalBody, Paging, Parameters, Query, timestamp, word},
    openapi::{
        Parameter, Routes, about, derived,
        values::{self, MOST_UPCOMING, UPCOMING},
    },
    output::{Accepted, Created, Data, Gone, List, Listed, Located, Moment, Tagged},
    permit::{ReadSchedules, WriteSchedules},
    problem::{Code, Problem},
    whole,
};

pub(super) fn routes() -> Routes {
    Routes::of("Schedules", "Workflows that start by themselves, again and again.")
        .get(
            v0!("/schedules"),
            list,
            about("list_schedules", "List schedules")
                .detail("The newest first. Large inputs are left out of a list."),
        )
        .post(
            v0!("/schedules"),
            create,
            about("create_schedule", "Make a schedule")
                .may(&[Code::OrganizationNotReady, Code::QuotaExceeded]),
        )
        .get(v0!("/schedules/{schedule}"), read, about("get_schedule", "Read a schedule"))
        .patch(
            v0!("/schedules/{schedule}"),
            update,
            about("update_schedule", "Change a schedule")
                .detail("What is not named stays as it is. Its workflow cannot change.")
                .may(&[Code::OrganizationNotReady]),
        )
        .delete(v0!("/schedules/{schedule}"), delete, about("delete_schedule", "Delete a schedule"))
        .post(
            v0!("/schedules/{schedule}/pause"),
            pause,
            about("pause_schedule", "Have a schedule start nothing for now")
                .may(&[Code::OrganizationNotReady]),
        )
        .post(
            v0!("/schedules/{schedule}/resume"),
            resume,
            about("resume_schedule", "Have a paused schedule start again").may(&[Code::OrganizationNotReady]),
        )
        .post(
            v0!("/schedules/{schedule}/trigger"),
            trigger,
            about("trigger_schedule", "Have a schedule start something now")
                .may(&[Code::OrganizationNotReady]),
        )
        .post(
            v0!("/schedules/{schedule}/backfill"),
            backfill,
            about("backfill_schedule", "Have a schedule start what it would have started in a span of time")
                .may(&[Code::OrganizationNotReady]),
        )
        .get(
            v0!("/schedules/{schedule}/upcoming"),
            upcoming,
            about("list_upcoming", "List the moments at which a schedule starts next")
                .detail("All on one page."),
        )
}

/// A workflow that starts by itself, in its latest revision at the time.
#[derive(Serialize, ToSchema)]
#[schema(as = Schedule)]
struct ScheduleView {
    /// Names it for ever.
    #[schema(value_type = values::ScheduleId)]
    id: ScheduleId,
    /// The workflow that it starts.
    #[schema(value_type = values::WorkflowName)]
    workflow: String,
    #[serde(flatten)]
    #[schema(value_type = Contents)]
    contents: Option<Contents>,
    /// When it starts.
    #[schema(value_type = values::ScheduleSpec)]
    spec: ScheduleSpec,
    /// What happens when the execution before has not ended.
    #[schema(value_type = values::ScheduleOverlap)]
    overlap: Overlap,
    /// By how many seconds each start may be late.
    #[schema(value_type = values::JitterSeconds)]
    jitter_seconds: i32,
    /// How many seconds late a start may be that was missed.
    #[schema(value_type = values::CatchupWindowSeconds)]
    catchup_window_seconds: i32,
    /// Whether it starts nothing for now.
    #[schema(example = false)]
    paused: bool,
    /// Whether Temporal has it as it is here.
    #[schema(example = true)]
    applied: bool,
    /// When it was made.
    created_at: Moment,
    /// When somebody last changed it.
    updated_at: Moment,
    /// By whom it was made.
    #[schema(required, value_type = Option<values::UserId>)]
    created_by: Option<UserId>,
}

impl Located for ScheduleView {
    const PARAMETER: &'static str = "schedule";

    fn location(&self) -> String {
        format!(v0!("/schedules/{}"), self.id)
    }
}

/// What only those see who may read schedules.
#[derive(Serialize, ToSchema)]
#[schema(as = ScheduleContents)]
struct Contents {
    /// What each execution is started with; null in a list when it is large.
    #[schema(required = false, value_type = values::Json)]
    input: Option<Value>,
    /// What people want to remember of it.
    #[schema(required = false, value_type = values::ScheduleNote)]
    note: String,
    /// When it starts next, as far as is known; null in a list.
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

derived::shaped_as!(Start as Moment);

impl Listed for Start {
    fn cursor(&self) -> String {
        String::new()
    }
}

/// What is to change of a schedule; what is not named stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduleChanges)]
struct ScheduleBody {
    #[schema(ignore)]
    workflow: Option<String>,
    /// What each execution is started with.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = values::Json)]
    input: Option<Value>,
    /// When it starts.
    #[schema(value_type = Option<values::ScheduleSpec>)]
    spec: Option<SpecBody>,
    /// What happens when the execution before has not ended; `skip`, if nothing was ever said.
    #[schema(value_type = Option<values::ScheduleOverlap>)]
    overlap: Option<String>,
    /// By how many seconds each start may be late.
    #[serde(default, deserialize_with = "whole::read")]
    #[schema(value_type = Option<values::JitterSeconds>)]
    jitter_seconds: Option<i64>,
    /// How many seconds late a start may be that was missed.
    #[serde(default, deserialize_with = "whole::read")]
    #[schema(value_type = Option<values::CatchupWindowSeconds>)]
    catchup_window_seconds: Option<i64>,
    /// Whether it starts nothing for now.
    #[schema(example = false)]
    paused: Option<bool>,
    /// What people want to remember of it.
    #[schema(value_type = Option<values::ScheduleNote>)]
    note: Option<String>,
}

/// The same of a schedule that does not exist yet.
#[derive(Deserialize)]
#[serde(transparent)]
struct NewScheduleBody(ScheduleBody);

derived::requiring!(
    NewScheduleBody(ScheduleBody) as NewSchedule: "A new schedule.",
    { workflow: WorkflowName = "The workflow that it starts.", spec: ScheduleSpec = "When it starts." }
);

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
    #[serde(default, deserialize_with = "whole::read")]
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
    _: NoQuery,
    State(services): State<Arc<Services>>,
    Body(NewScheduleBody(mut body)): Body<NewScheduleBody>,
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
    Ok(Created(ScheduleView::of(services.schedules.create(&scope, new).await?, &scope)))
}

async fn list(
    ReadSchedules(scope): ReadSchedules,
    State(services): State<Arc<Services>>,
    mut query: Query<Paging<values::ScheduleId>>,
) -> Result<List<ScheduleView>, Problem> {
    let page = query.page(ScheduleId::uuid);
    query.finish()?;
    let found = services.schedules.list(&scope, page).await?;
    Ok(List(found.map(|found| ScheduleView::of(found, &scope))))
}

async fn read(
    ReadSchedules(scope): ReadSchedules,
    InPath(schedule): InPath<ScheduleId>,
    _: NoQuery,
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
    _: NoQuery,
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
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Gone, Problem> {
    services.schedules.delete(&scope, schedule).await?;
    Ok(Gone)
}

/// Why a schedule rests, or does not.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Note)]
struct NoteBody {
    /// What people want to remember of it; as it was, if nothing is said.
    #[schema(value_type = Option<values::ScheduleNote>)]
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
    _: NoQuery,
    State(services): State<Arc<Services>>,
    OptionalBody(body): OptionalBody<NoteBody>,
) -> Result<Data<ScheduleView>, Problem> {
    let paused = services.schedules.pause(&scope, schedule, body.check()?).await?;
    Ok(Data(ScheduleView::of(paused, &scope)))
}

async fn resume(
    WriteSchedules(scope): WriteSchedules,
    InPath(schedule): InPath<ScheduleId>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
    OptionalBody(body): OptionalBody<NoteBody>,
) -> Result<Data<ScheduleView>, Problem> {
    let resumed = services.schedules.resume(&scope, schedule, body.check()?).await?;
    Ok(Data(ScheduleView::of(resumed, &scope)))
}

async fn trigger(
    WriteSchedules(scope): WriteSchedules,
    InPath(schedule): InPath<ScheduleId>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
) -> Result<Accepted<ScheduleView>, Problem> {
    let triggered = services.schedules.trigger(&scope, schedule).await?;
    Ok(Accepted(ScheduleView::of(triggered, &scope)))
}

/// A span of time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Backfill)]
struct BackfillBody {
    /// Its first moment.
    #[schema(value_type = values::Timestamp)]
    start_time: Option<String>,
    /// Its last moment, not before the first.
    #[schema(value_type = values::Timestamp)]
    end_time: Option<String>,
    /// What happens when the execution before has not ended; as the schedule says, if nothing is said.
    #[schema(value_type = Option<values::ScheduleOverlap>)]
    overlap: Option<String>,
}

async fn backfill(
    WriteSchedules(scope): WriteSchedules,
    InPath(schedule): InPath<ScheduleId>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
    Body(body): Body<BackfillBody>,
) -> Result<Accepted<ScheduleView>, Problem> {
    let mut fields = Fields::default();
    let from = fields.required("start_time", body.start_time, |at| timestamp("start_time", &at));
    let to = fields.required("end_time", body.end_time, |at| timestamp("end_time", &at));
    let overlap = fields.optional(body.overlap, |overlap| word("overlap", &overlap));
    let (from, to) = fields.finish_with(from.zip(to))?;
    let backfilled = services.schedules.backfill(&scope, schedule, Backfill { from, to, overlap }).await?;
    Ok(Accepted(ScheduleView::of(backfilled, &scope)))
}

/// How many starts are wanted.
struct HowMany;

impl Parameters for HowMany {
    const ALL: &[Parameter] =
        &[Parameter::new::<values::Upcoming>("limit", "How many moments there are at most.")];
}

async fn upcoming(
    ReadSchedules(scope): ReadSchedules,
    InPath(schedule): InPath<ScheduleId>,
    State(services): State<Arc<Services>>,
    mut query: Query<HowMany>,
) -> Result<List<Start>, Problem> {
    let limit = query.take("limit", |text| {
        let limit = text.parse().ok().filter(|limit| (1..=MOST_UPCOMING).contains(limit));
        limit.ok_or_else(|| Invalid::new("limit", format!("must be a number from 1 to {MOST_UPCOMING}")))
    });
    query.finish()?;
    let limit = usize::from(limit.unwrap_or(UPCOMING));
    let starts: Vec<Timestamp> = services.schedules.upcoming(&scope, schedule, limit).await?;
    Ok(List(Page { items: starts, more: false }.map(|at| Start(at.into()))))
}
