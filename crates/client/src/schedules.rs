//! Schedules: workflows that start by themselves.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Call, Client, List, Timestamp};

/// The routes of schedules.
#[derive(Clone, Copy, Debug)]
pub struct Schedules<'a>(pub(crate) &'a Client);

impl Schedules<'_> {
    /// Makes a schedule.
    pub fn create(&self, new: &NewSchedule) -> Call<Schedule> {
        self.0.call(Method::POST, &["schedules"]).json(new)
    }

    /// The schedules, the latest first.
    pub fn list(&self) -> List<Schedule> {
        List::new(self.0, &["schedules"])
    }

    /// One schedule.
    pub fn get(&self, schedule: &str) -> Call<Schedule> {
        self.0.call(Method::GET, &["schedules", schedule])
    }

    /// Changes a schedule.
    pub fn update(&self, schedule: &str, changes: &Changes) -> Call<Schedule> {
        self.0.call(Method::PATCH, &["schedules", schedule]).json(changes)
    }

    /// Deletes a schedule; what it has started goes on.
    pub fn delete(&self, schedule: &str) -> Call<Option<Schedule>> {
        self.0.call(Method::DELETE, &["schedules", schedule])
    }

    /// Has a schedule start nothing until it is resumed.
    pub fn pause(&self, schedule: &str, note: &Note) -> Call<Schedule> {
        self.0.call(Method::POST, &["schedules", schedule, "pause"]).json(note)
    }

    /// Lets a paused schedule go on.
    pub fn resume(&self, schedule: &str, note: &Note) -> Call<Schedule> {
        self.0.call(Method::POST, &["schedules", schedule, "resume"]).json(note)
    }

    /// Has a schedule start something now.
    pub fn trigger(&self, schedule: &str) -> Call<Schedule> {
        self.0.call(Method::POST, &["schedules", schedule, "trigger"])
    }

    /// Has a schedule start what it would have started in a span of time.
    pub fn backfill(&self, schedule: &str, backfill: &Backfill) -> Call<Backfilled> {
        self.0.call(Method::POST, &["schedules", schedule, "backfill"]).json(backfill)
    }

    /// When a schedule starts next: ten moments unless a limit is told, at most 100.
    pub fn upcoming(&self, schedule: &str) -> List<Timestamp> {
        List::new(self.0, &["schedules", schedule, "upcoming"])
    }
}

/// When a schedule starts: by a line of cron, a calendar or an interval.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub struct Spec {
    /// Minute, hour, day of month, month and day of week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The moments that fit all of its fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// Where it is that time; UTC unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The seconds from one start to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<u64>,
}

/// Moments: each field is a list of values, ranges and steps.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
pub struct Calendar {
    /// 0 to 59; 0 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// 0 to 59; 0 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minute: Option<String>,
    /// 0 to 23; 0 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<String>,
    /// 1 to 31; any unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_month: Option<String>,
    /// 1 to 12, or JAN to DEC; any unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// 2000 to 2100; any unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<String>,
    /// 0 to 7, or SUN to SAT; any unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_week: Option<String>,
}

/// A schedule to make.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewSchedule {
    /// The workflow that it starts.
    pub workflow: String,
    /// All else of it; a spec must be among it.
    #[serde(flatten)]
    pub settings: Changes,
}

/// What is to change of a schedule; what is absent stays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Changes {
    /// What each execution is started with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// When it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<Spec>,
    /// What happens when the execution before has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
    /// By how much each start may be late, at random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_seconds: Option<u64>,
    /// How late a start may be that was missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catchup_window_seconds: Option<u64>,
    /// Whether it starts nothing for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// What people want to remember of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What people want to remember of a pause or its end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Note {
    /// The note; the one before stays unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A span of time that has passed.
#[derive(Clone, Debug, Serialize)]
pub struct Backfill {
    /// Its begin, which belongs to it.
    pub start_time: Timestamp,
    /// Its end, which belongs to it too.
    pub end_time: Timestamp,
    /// What happens when the execution before has not ended; what the schedule says unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
}

/// A workflow that starts by itself.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Schedule {
    /// Names it for ever.
    pub id: String,
    /// The workflow that it starts.
    pub workflow: String,
    /// What each execution is started with.
    #[serde(default)]
    pub input: Value,
    /// When it starts.
    pub spec: Spec,
    /// What happens when the execution before has not ended.
    pub overlap: String,
    /// By how much each start may be late.
    #[serde(default)]
    pub jitter_seconds: u64,
    /// How late a start may be that was missed.
    #[serde(default)]
    pub catchup_window_seconds: u64,
    /// Whether it starts nothing for now.
    pub paused: bool,
    /// What people want to remember of it.
    #[serde(default)]
    pub note: String,
    /// Its next starts, if they are known.
    #[serde(default)]
    pub next_runs: Option<Vec<Timestamp>>,
    /// Whether Temporal has it as it is.
    #[serde(default)]
    pub applied: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// By whom it was made, if somebody still known.
    #[serde(default)]
    pub created_by: Option<String>,
}

/// A schedule that was told to make up for a span of time.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Backfilled {
    /// The schedule.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// How many starts there are in the span. What overlaps may be left out, as the schedule or the backfill says.
    pub starts: u64,
}
