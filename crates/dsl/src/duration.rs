//! Durations: `{days, hours, minutes, seconds, milliseconds}` or ISO 8601 text (the specification's DSL reference, "Duration").

use std::time::Duration;

use crate::{
    limits,
    reader::{Place, Reader},
    source::Content,
};

const NANOSECONDS: u128 = 1_000_000_000;

/// The units of the object form, in milliseconds.
const UNITS: &[(&str, u64)] = &[
    ("days", 24 * 60 * 60 * 1_000),
    ("hours", 60 * 60 * 1_000),
    ("minutes", 60 * 1_000),
    ("seconds", 1_000),
    ("milliseconds", 1),
];

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("expected an ISO 8601 duration such as PT30S or P1DT12H")]
    Form,
    #[error("years and months have no fixed length; write weeks, days or less")]
    Calendar,
    #[error("the duration is longer than {} days", limits::WAIT_SECONDS / (24 * 60 * 60))]
    TooLong,
}

/// Reads the object form.
pub(crate) fn read_object<'d>(reader: &mut Reader<'d>, place: &Place<'d>) -> Option<Duration> {
    let mut object = reader.object(place)?;
    let mut total = Some(0_u64);
    let mut found = false;
    for (unit, milliseconds) in UNITS {
        let Some(place) = object.take(unit) else { continue };
        found = true;
        let count = read_count(reader, &place);
        total =
            total.zip(count).map(|(total, count)| total.saturating_add(count.saturating_mul(*milliseconds)));
    }
    let is_empty = !found && object.has_nothing();
    object.finish(reader);
    if is_empty {
        return reader.invalid(place, "expected at least one of days, hours, minutes, seconds, milliseconds");
    }
    match within_limit(Duration::from_millis(total?)) {
        Ok(duration) => Some(duration),
        Err(error) => reader.invalid(place, error.to_string()),
    }
}

fn read_count<'d>(reader: &mut Reader<'d>, place: &Place<'d>) -> Option<u64> {
    match &place.node.content {
        Content::Number(number) if number.is_u64() => number.as_u64(),
        Content::Number(_) => reader.invalid(place, "expected a whole number, not below zero"),
        _ => reader.expected(place, "a whole number"),
    }
}

/// Reads the ISO 8601 form, `P[n]W[n]DT[n]H[n]M[n]S`, each number with a fraction if need be.
pub(crate) fn parse(text: &str) -> Result<Duration, Invalid> {
    let rest = text.strip_prefix('P').ok_or(Invalid::Form)?;
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return Err(Invalid::Form),
        None if rest.is_empty() => return Err(Invalid::Form),
        None => (rest, ""),
    };
    let day = 24 * 60 * 60;
    let days = sum(days, &[('Y', None), ('M', None), ('W', Some(7 * day)), ('D', Some(day))])?;
    let time = sum(time, &[('H', Some(60 * 60)), ('M', Some(60)), ('S', Some(1))])?;
    let nanoseconds = days.saturating_add(time);
    let seconds = u64::try_from(nanoseconds / NANOSECONDS).map_err(|_| Invalid::TooLong)?;
    let fraction = u32::try_from(nanoseconds % NANOSECONDS).map_err(|_| Invalid::TooLong)?;
    within_limit(Duration::new(seconds, fraction))
}

/// Adds up components such as `2H30M`, in nanoseconds; `units` are those allowed, in their order, with their seconds.
fn sum(mut text: &str, mut units: &[(char, Option<u128>)]) -> Result<u128, Invalid> {
    let mut total = 0_u128;
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(Invalid::Form)?;
        let (number, rest) = text.split_at(end);
        let unit = rest.chars().next().ok_or(Invalid::Form)?;
        let index = units.iter().position(|(known, _)| *known == unit).ok_or(Invalid::Form)?;
        let seconds = units[index].1.ok_or(Invalid::Calendar)?;
        total = total.saturating_add(scaled(number, seconds)?);
        units = &units[index + 1..];
        text = &rest[unit.len_utf8()..];
    }
    Ok(total)
}

/// A decimal number of units of so many seconds, in nanoseconds; what is finer is cut off.
fn scaled(number: &str, seconds: u128) -> Result<u128, Invalid> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(Invalid::Form);
    }
    let whole = whole.parse::<u128>().map_err(|_| Invalid::TooLong)?;
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let fraction = digits.parse::<u128>().map_err(|_| Invalid::Form)?;
    Ok(whole.saturating_mul(NANOSECONDS).saturating_add(fraction).saturating_mul(seconds))
}

fn within_limit(duration: Duration) -> Result<Duration, Invalid> {
    if duration > Duration::from_secs(limits::WAIT_SECONDS) { Err(Invalid::TooLong) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_iso_8601() {
        let cases = [
            ("PT30S", 30_000),
            ("PT0S", 0),
            ("PT0.5S", 500),
            ("PT1.5H", 5_400_000),
            ("P1D", 86_400_000),
            ("P1W", 604_800_000),
            ("P1DT2H3M4.005S", 93_784_005),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn should_say_why_a_text_is_no_duration() {
        for text in [
            "", "P", "PT", "30", "PT30", "T30S", "PT1S1M", "P1H", "PT.5S", "PT1.S", "PT1.2.3S", "-PT1S",
            "PTé",
        ] {
            assert_eq!(parse(text), Err(Invalid::Form), "{text}");
        }
        for text in ["P1Y", "P2M", "P1Y2M3D"] {
            assert_eq!(parse(text), Err(Invalid::Calendar), "{text}");
        }
        let digits = "9".repeat(1_000);
        for text in ["P99999W", &format!("PT{digits}S"), "PT340282366920938463463374607431768211455S"] {
            assert_eq!(parse(text), Err(Invalid::TooLong), "{text}");
        }
    }
}
