//! What is told of schedules.

use serde::Deserialize;
use serde_json::Value;
use tenantry_domain::{
    Invalid,
    schedule::{Calendar, CatchupWindow, Cron, Interval, Jitter, ScheduleNote, ScheduleSpec, TimeZone},
};
use tenantry_services::schedules::{Backfill, Changes};
use utoipa::ToSchema;

use crate::{
    input::{Fields, timestamp, word},
    openapi::{derived, values},
    problem::Problem,
    routes::executions::given,
    whole,
};

/// What is to change of a schedule; what is not named stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduleChanges)]
pub(super) struct ScheduleBody {
    #[schema(ignore)]
    pub(super) workflow: Option<String>,
    /// What each execution is started with.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, value_type = values::Json)]
    input: Option<Value>,
    /// When it starts.
    #[schema(value_type = Option<values::ScheduleSpec>)]
    pub(super) spec: Option<SpecBody>,
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
pub(super) struct NewScheduleBody(pub(super) ScheduleBody);

derived::requiring!(
    NewScheduleBody(ScheduleBody) as NewSchedule: "A new schedule.",
    { workflow: WorkflowName = "The workflow that it starts.", spec: ScheduleSpec = "When it starts." }
);

impl ScheduleBody {
    /// What can change.
    pub(super) fn check(self, fields: &mut Fields) -> Changes {
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
pub(super) struct SpecBody {
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

/// Why a schedule rests, or does not.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Note)]
pub(super) struct NoteBody {
    /// What people want to remember of it; as it was, if nothing is said.
    #[schema(value_type = Option<values::ScheduleNote>)]
    note: Option<String>,
}

impl NoteBody {
    pub(super) fn check(self) -> Result<Option<ScheduleNote>, Problem> {
        let mut fields = Fields::default();
        let note = fields.optional(self.note, |note| ScheduleNote::parse(&note));
        fields.finish()?;
        Ok(note)
    }
}

/// A span of time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Backfill)]
pub(super) struct BackfillBody {
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

impl BackfillBody {
    pub(super) fn check(self) -> Result<Backfill, Problem> {
        let mut fields = Fields::default();
        let from = fields.required("start_time", self.start_time, |at| timestamp("start_time", &at));
        let to = fields.required("end_time", self.end_time, |at| timestamp("end_time", &at));
        let overlap = fields.optional(self.overlap, |overlap| word("overlap", &overlap));
        let (from, to) = fields.finish_with(from.zip(to))?;
        Ok(Backfill { from, to, overlap })
    }
}
