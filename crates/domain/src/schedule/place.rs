//! What may stand in the places of a line of cron, or of a calendar: lists of values, ranges and steps, as Temporal reads them.

/// One of the places, and what may stand there.
pub(super) struct Place {
    pub(super) name: &'static str,
    least: u16,
    most: u16,
    /// The names of its values, from the least on.
    names: &'static [&'static str],
}

pub(super) const SECOND: Place = Place { name: "second", least: 0, most: 59, names: &[] };
pub(super) const MINUTE: Place = Place { name: "minute", least: 0, most: 59, names: &[] };
pub(super) const HOUR: Place = Place { name: "hour", least: 0, most: 23, names: &[] };
pub(super) const DAY_OF_MONTH: Place = Place { name: "day of month", least: 1, most: 31, names: &[] };
pub(super) const MONTH: Place = Place {
    name: "month",
    least: 1,
    most: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
/// Those that Temporal knows.
pub(super) const YEAR: Place = Place { name: "year", least: 2000, most: 2100, names: &[] };
pub(super) const DAY_OF_WEEK: Place = Place {
    name: "day of week",
    least: 0,
    most: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};

/// The most days that each month can have, from January on.
const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Values as a set of bits: bit 0 is the least that a place can have.
pub(super) type Values = u128;

/// Whether any of the days of month is in any of the months. Every date falls on every day of the week at some time, so this is
/// all that could keep what has no year from ever being due.
pub(super) fn some_month_has(days: Values, months: Values) -> bool {
    (0..).zip(DAYS).any(|(month, length)| months & 1 << month != 0 && days.trailing_zeros() < length)
}

impl Place {
    /// What it may be.
    pub(super) fn rule(&self) -> String {
        let Self { least, most, names, .. } = self;
        let names = match (names.first(), names.last()) {
            (Some(first), Some(last)) => format!(" or {first} to {last}"),
            _ => String::new(),
        };
        format!("a list of *, values and ranges from {least} to {most}{names}, with steps of 1 to {most}")
    }

    /// The values that a text stands for, if it may stand here. Names are in capitals.
    pub(super) fn values(&self, list: &str) -> Option<Values> {
        list.split(',').try_fold(0, |values, part| Some(values | self.part(part)?))
    }

    fn part(&self, part: &str) -> Option<Values> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if range == "*" => (self.least, self.most),
            None => {
                let first = self.value(range)?;
                (first, if step.is_some() { self.most } else { first })
            }
        };
        let step = step.unwrap_or(1);
        let good = first <= last && (1..=self.most).contains(&step);
        let bit = |value| Values::from(1_u8) << (value - self.least);
        good.then(|| (first..=last).step_by(step.into()).fold(0, |values, value| values | bit(value)))
    }

    fn value(&self, text: &str) -> Option<u16> {
        let named = (self.least..).zip(self.names).find(|(_, name)| **name == text);
        let value = named.map(|(value, _)| value).or_else(|| number(text))?;
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

/// A number without a sign, which the standard library's reading would take.
fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
