//! Schedules: workflows that start by themselves, again and again.

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

use crate::{
    ScheduleId, Timestamp, UserId,
    field::{Invalid, checked_string, words},
};

mod calendar;
mod cron;
mod place;

pub use calendar::Calendar;
pub use cron::Cron;

checked_string!(
    /// The name of a time zone in the IANA database, such as `Europe/Zurich` or `UTC`.
    TimeZone, parse_time_zone
);
checked_string!(
    /// What people want to remember of a schedule: at most 500 characters, or nothing.
    ScheduleNote, parse_note
);

fn parse_time_zone(value: &str) -> Result<String, Invalid> {
    let known = value.parse::<chrono_tz::Tz>();
    let rule = "must be the name of a time zone in the IANA database, such as Europe/Zurich or UTC";
    known.map(|zone| zone.name().to_owned()).map_err(|_| Invalid::new("spec.timezone", rule))
}

impl TimeZone {
    /// Every name that there is.
    pub fn all() -> impl Iterator<Item = &'static str> {
        chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
    }

    /// A name that was checked when it was stored. A later version of the database may not know it any more.
    pub fn from_storage(value: String) -> Self {
        Self(value)
    }
}

impl ScheduleNote {
    /// How many characters it has at most.
    pub const MAX_LENGTH: usize = 500;
}

fn parse_note(value: &str) -> Result<String, Invalid> {
    let value = value.trim();
    if value.chars().count() > ScheduleNote::MAX_LENGTH || value.chars().any(char::is_control) {
        return Err(Invalid::new(
            "note",
            "must have at most 500 characters, none of them a control character",
        ));
    }
    Ok(value.to_owned())
}

/// The time between two starts, in whole seconds: from one second to 366 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval(i32);

impl Interval {
    /// The longest: a year, a leap year too.
    pub const MAX_SECONDS: i32 = 366 * 24 * 60 * 60;

    /// Checks a number of seconds.
    ///
    /// # Errors
    /// Names `spec.every_seconds` and the range.
    pub fn from_seconds(seconds: i64) -> Result<Self, Invalid> {
        let within = i32::try_from(seconds).ok().filter(|seconds| (1..=Self::MAX_SECONDS).contains(seconds));
        let rule = || format!("must be a whole number from 1 to {} (366 days)", Self::MAX_SECONDS);
        within.map(Self).ok_or_else(|| Invalid::new("spec.every_seconds", rule()))
    }

    /// An interval that was checked when it was stored.
    pub const fn from_storage(seconds: i32) -> Self {
        Self(seconds)
    }

    /// How many seconds it has.
    pub const fn seconds(self) -> i32 {
        self.0
    }
}

/// By how much each start may be late, in whole seconds, at random: so that not all of midnight's starts come at midnight. At most
/// a day; none unless told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Jitter(i32);

impl Jitter {
    /// The most: a day.
    pub const MAX_SECONDS: i32 = 24 * 60 * 60;

    /// Checks a number of seconds.
    ///
    /// # Errors
    /// Names `jitter_seconds` and the range.
    pub fn from_seconds(seconds: i64) -> Result<Self, Invalid> {
        whole_seconds("jitter_seconds", seconds, 0, Self::MAX_SECONDS).map(Self)
    }

    /// One that was checked when it was stored.
    pub const fn from_storage(seconds: i32) -> Self {
        Self(seconds)
    }

    /// How many seconds it has.
    pub const fn seconds(self) -> i32 {
        self.0
    }
}

/// How late a start may be made up for that was missed because Temporal was away, in whole seconds: from ten seconds to 366 days; a
/// day unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CatchupWindow(i32);

impl CatchupWindow {
    /// The least that Temporal takes.
    pub const MIN_SECONDS: i32 = 10;

    /// Checks a number of seconds.
    ///
    /// # Errors
    /// Names `catchup_window_seconds` and the range.
    pub fn from_seconds(seconds: i64) -> Result<Self, Invalid> {
        whole_seconds("catchup_window_seconds", seconds, Self::MIN_SECONDS, Interval::MAX_SECONDS).map(Self)
    }

    /// One that was checked when it was stored.
    pub const fn from_storage(seconds: i32) -> Self {
        Self(seconds)
    }

    /// How many seconds it has.
    pub const fn seconds(self) -> i32 {
        self.0
    }
}

impl Default for CatchupWindow {
    fn default() -> Self {
        Self(24 * 60 * 60)
    }
}

fn whole_seconds(field: &'static str, seconds: i64, least: i32, most: i32) -> Result<i32, Invalid> {
    let within = i32::try_from(seconds).ok().filter(|seconds| (least..=most).contains(seconds));
    within.ok_or_else(|| Invalid::new(field, format!("must be a whole number from {least} to {most}")))
}

/// When a schedule starts its workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleSpec {
    /// At the moments that fit a line of cron.
    Cron {
        /// The line.
        cron: Cron,
        /// Where it is that time.
        timezone: TimeZone,
    },
    /// At the moments that fit a calendar.
    Calendar {
        /// The calendar.
        calendar: Calendar,
        /// Where it is that time.
        timezone: TimeZone,
    },
    /// Again and again after the same time.
    Every(Interval),
}

/// As users write it: `{cron, timezone}`, `{calendar, timezone}` or `{every_seconds}`.
impl Serialize for ScheduleSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut spec = serializer.serialize_map(None)?;
        let timezone = match self {
            Self::Cron { cron, timezone } => {
                spec.serialize_entry("cron", cron)?;
                timezone
            }
            Self::Calendar { calendar, timezone } => {
                spec.serialize_entry("calendar", calendar)?;
                timezone
            }
            Self::Every(interval) => {
                spec.serialize_entry("every_seconds", &interval.seconds())?;
                return spec.end();
            }
        };
        spec.serialize_entry("timezone", timezone)?;
        spec.end()
    }
}

words!(
    /// What happens to a start while the execution before it has not ended. The words are Temporal's.
    Overlap {
        /// It is left out.
        Skip = "skip",
        /// It waits for the end; of several that come meanwhile, one does.
        BufferOne = "buffer_one",
        /// It waits for the end, with all that come meanwhile.
        BufferAll = "buffer_all",
        /// It asks the one before to stop, and waits for the end.
        CancelOther = "cancel_other",
        /// It stops the one before without asking.
        TerminateOther = "terminate_other",
        /// It runs beside the one before.
        AllowAll = "allow_all",
    }
);

/// A workflow that starts by itself, in its latest revision at the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Names it; its text is the Temporal schedule id.
    pub id: ScheduleId,
    /// The name of the workflow that it starts.
    pub workflow: String,
    /// What each execution is started with; absent in a list when it is large.
    pub input: Option<Value>,
    /// When it starts.
    pub spec: ScheduleSpec,
    /// What happens when the execution before has not ended.
    pub overlap: Overlap,
    /// By how much each start may be late.
    pub jitter: Jitter,
    /// How late a start may be that was missed.
    pub catchup_window: CatchupWindow,
    /// Whether it starts nothing for now.
    pub paused: bool,
    /// What people want to remember of it; may be empty.
    pub note: String,
    /// Whether Temporal has it as it is here.
    pub applied: bool,
    /// When it starts next, as far as is known; it may be past.
    pub next_run_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody last changed it.
    pub updated_at: Timestamp,
    /// By whom it was made: a user of the organization, or an admin. Nobody, when the deployment itself did.
    pub created_by: Option<UserId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_know_the_time_zones_of_the_iana_database_and_no_others() {
        for zone in ["UTC", "Etc/UTC", "Europe/Zurich", "America/Argentina/Buenos_Aires", "US/Pacific"] {
            assert_eq!(TimeZone::parse(zone).expect(zone).as_str(), zone);
        }
        for wrong in ["", "Zurich", "europe/zurich", "Local", "+02:00", "Europe/Zurich ", "../etc/passwd"] {
            assert_eq!(TimeZone::parse(wrong).expect_err(wrong).field, "spec.timezone");
        }
    }

    #[test]
    fn should_take_a_note_of_500_characters_and_none_at_all() {
        assert_eq!(ScheduleNote::parse(" ").expect("nothing").as_str(), "");
        assert!(ScheduleNote::parse(&"é".repeat(500)).is_ok());
        for wrong in ["a\nb", &"é".repeat(501)] {
            assert_eq!(ScheduleNote::parse(wrong).expect_err(wrong).field, "note");
        }
    }

    #[test]
    fn should_name_the_ranges_of_jitter_and_of_the_catch_up_window() {
        for (checked, field) in [
            (Jitter::from_seconds(-1).err(), "jitter_seconds must be a whole number from 0 to 86400"),
            (Jitter::from_seconds(86_401).err(), "jitter_seconds must be a whole number from 0 to 86400"),
            (
                CatchupWindow::from_seconds(9).err(),
                "catchup_window_seconds must be a whole number from 10 to 31622400",
            ),
        ] {
            assert_eq!(checked.map(|invalid| invalid.to_string()).as_deref(), Some(field));
        }
        assert_eq!(Jitter::from_seconds(0), Ok(Jitter::default()));
        assert_eq!(CatchupWindow::from_seconds(86_400), Ok(CatchupWindow::default()));
    }

    #[test]
    fn should_name_the_range_of_an_interval() {
        for seconds in [1, 60, 31_622_400] {
            assert_eq!(Interval::from_seconds(seconds).map(|every| i64::from(every.seconds())), Ok(seconds));
        }
        for seconds in [i64::MIN, -1, 0, 31_622_401, i64::MAX] {
            let error = Interval::from_seconds(seconds).expect_err("outside the range");
            assert_eq!(
                error.to_string(),
                "spec.every_seconds must be a whole number from 1 to 31622400 (366 days)"
            );
        }
    }
}
