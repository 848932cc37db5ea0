//! Moments that fit a calendar: Temporal's `CalendarSpec`.

use serde::{Deserialize, Serialize};

use super::place::{
    DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, Place, SECOND, Values, YEAR, some_month_has,
};
use crate::field::Invalid;

const MAX_LENGTH: usize = Calendar::MAX_LENGTH;

/// When something is due: at the moments that fit every field. Each is a list of `*`, values and ranges, with steps, as in a
/// [`Cron`](super::Cron); without one it is 0 for second, minute and hour, and `*` for the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// 0 to 59.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// 0 to 59.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minute: Option<String>,
    /// 0 to 23.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<String>,
    /// 1 to 31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_month: Option<String>,
    /// 1 to 12, or JAN to DEC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// 2000 to 2100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<String>,
    /// 0 to 7, or SUN to SAT; Sunday is 0 and 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_week: Option<String>,
}

impl Calendar {
    /// How many bytes a field has at most.
    pub const MAX_LENGTH: usize = 500;

    /// Checks what somebody wrote.
    ///
    /// # Errors
    /// Each field that is wrong, such as `spec.calendar.minute`, and what it may be.
    pub fn check(self) -> Result<Self, Vec<Invalid>> {
        let mut wrong = Vec::new();
        let mut checked = |name: &str, text: Option<String>, place: &Place| {
            let text = text?;
            let checked = check(name, &text, place);
            checked.map_err(|invalid| wrong.push(invalid)).ok()
        };
        let second = checked("second", self.second, &SECOND);
        let minute = checked("minute", self.minute, &MINUTE);
        let hour = checked("hour", self.hour, &HOUR);
        let day_of_month = checked("day_of_month", self.day_of_month, &DAY_OF_MONTH);
        let month = checked("month", self.month, &MONTH);
        let year = checked("year", self.year, &YEAR);
        let day_of_week = checked("day_of_week", self.day_of_week, &DAY_OF_WEEK);
        if wrong.is_empty()
            && !some_month_has(values(day_of_month.as_ref(), &DAY_OF_MONTH), values(month.as_ref(), &MONTH))
        {
            let rule = "must be a day that one of the months has";
            wrong.push(Invalid::new("spec.calendar.day_of_month", rule));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self { second, minute, hour, day_of_month, month, year, day_of_week })
    }
}

fn check(name: &str, text: &str, place: &Place) -> Result<String, Invalid> {
    let text = text.trim().to_ascii_uppercase();
    if text.len() <= MAX_LENGTH && place.values(&text).is_some() {
        return Ok(text);
    }
    let rule = format!("must be {}, in at most {MAX_LENGTH} characters", place.rule());
    Err(Invalid::new(format!("spec.calendar.{name}"), rule))
}

/// All, if nothing is said.
fn values(text: Option<&String>, place: &Place) -> Values {
    text.map_or(Some(Values::MAX), |text| place.values(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn calendar(fields: Value) -> Calendar {
        serde_json::from_value(fields).expect("a calendar")
    }

    #[test]
    fn should_take_what_temporal_takes_in_each_field() {
        let whole = calendar(json!({
            "second": "*/15", "minute": "0,30", "hour": "9-17/2", "day_of_month": "1-7", "month": "jan,DEC",
            "year": "2000,2027-2100/2", "day_of_week": " mon-fri ",
        }));
        let checked = whole.check().expect("a calendar");
        assert_eq!(checked.month.as_deref(), Some("JAN,DEC"));
        assert_eq!(checked.day_of_week.as_deref(), Some("MON-FRI"));
        assert_eq!(Calendar::default().check(), Ok(Calendar::default()));
    }

    #[test]
    fn should_name_every_field_that_is_wrong() {
        let wrong = calendar(json!({
            "second": "60", "minute": "", "hour": "24", "day_of_month": "0", "month": "13", "year": "1999",
            "day_of_week": "FUNDAY",
        }));
        let wrong = wrong.check().expect_err("all wrong");
        let said: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn should_refuse_a_day_that_no_month_has() {
        for (day, month) in [("31", "2,4"), ("30-31", "FEB")] {
            let wrong = calendar(json!({"day_of_month": day, "month": month})).check().expect_err(day);
            assert_eq!(wrong[0].field, "spec.calendar.day_of_month");
        }
        assert!(calendar(json!({"day_of_month": "29", "month": "2"})).check().is_ok());
    }
}
