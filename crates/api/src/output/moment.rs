//! Moments in answers.

use std::borrow::Cow;

use chrono::{Datelike as _, SecondsFormat, Timelike as _};
use serde::{Serialize, Serializer};
use tenantry_domain::Timestamp;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{openapi::values, short_text::ShortText};

/// A moment: RFC 3339, in UTC, with no, three, six or nine digits after the second. chrono writes the same with a formatter for each
/// part, which costs an answer with some moments more than all else in it.
pub(crate) struct Moment(Timestamp);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match text(&self.0) {
            Some(text) => serializer.serialize_str(text.as_str()),
            None => serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        values::Timestamp::schema()
    }
}

impl ToSchema for Moment {
    fn name() -> Cow<'static, str> {
        values::Timestamp::name()
    }
}

/// Room for the longest, `9999-12-31T23:59:59.999999999Z`, and a whole number of words.
type Text = ShortText<32>;

/// The moment; nothing, if its year or its second has not the usual digits.
fn text(at: &Timestamp) -> Option<Text> {
    // Each question to the moment itself would convert it anew.
    let at = at.naive_utc();
    let year = u32::try_from(at.year()).ok().filter(|year| *year <= 9999)?;
    let nanoseconds = Some(at.nanosecond()).filter(|nanoseconds| *nanoseconds < 1_000_000_000)?;
    let mut text = Text::new();
    text.push_digits(year, 4);
    for (before, number) in
        [("-", at.month()), ("-", at.day()), ("T", at.hour()), (":", at.minute()), (":", at.second())]
    {
        text.push(before);
        text.push_digits(number, 2);
    }
    let (fraction, digits) = match nanoseconds {
        0 => (0, 0),
        whole if whole % 1_000_000 == 0 => (whole / 1_000_000, 3),
        whole if whole % 1_000 == 0 => (whole / 1_000, 6),
        whole => (whole, 9),
    };
    if digits > 0 {
        text.push(".");
        text.push_digits(fraction, digits);
    }
    text.push("Z");
    Some(text)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;

    use super::*;

    fn check(at: Timestamp) {
        let expected = at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        assert_eq!(serde_json::json!(Moment(at)), serde_json::json!(expected));
    }

    #[test]
    fn should_write_moments_as_chrono_does() {
        for text in [
            "2026-11-27T09:05:03Z",
            "2024-02-29T23:59:59.120Z",
            "1999-12-31T00:00:00.000001Z",
            "0001-01-01T00:00:00.000000001Z",
            "9999-12-31T23:59:59.999999999Z",
            "2016-12-31T23:59:60Z",
        ] {
            check(text.parse().expect("a moment"));
        }
        check(Timestamp::MAX_UTC);
        check(Timestamp::MIN_UTC);
    }

    proptest! {
        #[test]
        fn should_write_every_moment_as_chrono_does(seconds in -70_000_000_000_i64..300_000_000_000, digits in 0_u32..10, fraction: u32) {
            let at = DateTime::from_timestamp(seconds, 0).expect("a moment");
            let step = 10_i64.pow(9 - digits);
            let nanoseconds = i64::from(fraction) % 1_000_000_000 / step * step;
            check(at + TimeDelta::nanoseconds(nanoseconds));
        }
    }
}
