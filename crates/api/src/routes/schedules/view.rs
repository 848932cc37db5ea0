//! What is shown of schedules.

use serde::Serialize;
use serde_json::Value;
use tenantry_domain::{
    OrgScope, Permission, ScheduleId, UserId,
    schedule::{Overlap, ScheduleSpec},
};
use tenantry_services::schedules::{Backfilled, Found};
use utoipa::ToSchema;

use crate::{
    openapi::{derived, values},
    output::{Listed, Located, Moment},
};

/// A workflow that starts by itself, in its latest revision at the time.
#[derive(Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(super) struct ScheduleView {
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
    pub(super) fn of(Found { schedule, next_runs }: Found, scope: &OrgScope) -> Self {
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
pub(super) struct Start(pub(super) Moment);

derived::shaped_as!(Start as Moment);

impl Listed for Start {
    fn cursor(&self) -> String {
        String::new()
    }
}

/// A schedule that was told to make up for a span of time.
#[derive(Serialize, ToSchema)]
#[schema(as = BackfilledSchedule)]
pub(super) struct BackfilledView {
    #[serde(flatten)]
    schedule: ScheduleView,
    /// How many starts there are in the span. What overlaps may be left out, as the schedule or the backfill says.
    #[schema(minimum = 0, example = 3)]
    starts: usize,
}

impl BackfilledView {
    /// As much of it as the scope's actor may see.
    pub(super) fn of(Backfilled { schedule, starts }: Backfilled, scope: &OrgScope) -> Self {
        Self { schedule: ScheduleView::of(schedule, scope), starts }
    }
}
