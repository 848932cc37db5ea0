//! `/schedules`: workflows that start by themselves.

mod body;
mod view;

use std::sync::Arc;

use axum::extract::State;
use tenantry_domain::{
    Invalid, OrgScope, Page, ScheduleId, Timestamp, Versioned as _, WorkflowName, schedule::Overlap,
};
use tenantry_services::{
    Services,
    schedules::{Found, New},
};

use self::{
    body::{BackfillBody, NewScheduleBody, NoteBody, ScheduleBody},
    view::{BackfilledView, ScheduleView, Start},
};
use crate::{
    if_match::IfMatch,
    input::{Body, Fields, InPath, NoQuery, OptionalBody, Paging, Parameters, Query},
    openapi::{
        Parameter, Routes, about,
        values::{self, MOST_UPCOMING, UPCOMING},
    },
    output::{Accepted, Created, Data, Gone, List, Tagged},
    permit::{ReadSchedules, WriteSchedules},
    problem::{Code, Problem},
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

async fn backfill(
    WriteSchedules(scope): WriteSchedules,
    InPath(schedule): InPath<ScheduleId>,
    _: NoQuery,
    State(services): State<Arc<Services>>,
    Body(body): Body<BackfillBody>,
) -> Result<Accepted<BackfilledView>, Problem> {
    let span = body.check()?;
    let backfilled = services.schedules.backfill(&scope, schedule, span).await?;
    Ok(Accepted(BackfilledView::of(backfilled, &scope)))
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
