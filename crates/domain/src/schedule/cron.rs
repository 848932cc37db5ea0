//! Lines of cron.

use crate::field::{Invalid, checked_string};

checked_string!(
    /// When something is due, as a line of cron: minute, hour, day of month, month and day of week, at most 500 characters.
    ///
    /// Each field is a list of `*`, values and ranges, with steps (`*/15`, `9-17/2`; `5/10` goes from 5 to the end). Months and
    /// days have names of three letters; Sunday is 0 and 7. It is Temporal that reads the line, so a moment must fit all five
    /// fields: `0 0 13 * FRI` is Friday the 13th, where crontab(5) would take each 13th and each Friday.
    Cron, parse
);

impl Cron {
    /// A line that was checked when it was stored.
    pub fn from_storage(value: String) -> Self {
        Self(value)
    }
}

const MAX_LENGTH: usize = 500;
const FIELD: &str = "spec.cron";

/// One of the five places in a line, and what may stand there.
struct Place {
    name: &'static str,
    least: u8,
    most: u8,
    /// The names of its values, from the least on.
    names: &'static [&'static str],
}

const PLACES: [Place; 5] = [
    Place { name: "minute", least: 0, most: 59, names: &[] },
    Place { name: "hour", least: 0, most: 23, names: &[] },
    Place { name: "day of month", least: 1, most: 31, names: &[] },
    Place {
        name: "month",
        least: 1,
        most: 12,
        names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    },
    Place {
        name: "day of week",
        least: 0,
        most: 7,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    },
];

/// The most days that each month can have, from January on.
const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Values as a set of bits: bit 5 is the value 5.
type Values = u64;

fn parse(line: &str) -> Result<String, Invalid> {
    if line.chars().count() > MAX_LENGTH {
        return Err(Invalid::new(FIELD, format!("must have at most {MAX_LENGTH} characters")));
    }
    let line = line.to_ascii_uppercase();
    let texts: Vec<&str> = line.split_ascii_whitespace().collect();
    let Ok(texts) = <[&str; 5]>::try_from(texts) else {
        return Err(Invalid::new(
            FIELD,
            "must have five fields: minute, hour, day of month, month, day of week",
        ));
    };
    let mut sets = [0; 5];
    for ((set, place), text) in sets.iter_mut().zip(&PLACES).zip(texts) {
        *set = place.values(text).ok_or_else(|| place.rule())?;
    }
    let [_, _, days, months, _] = sets;
    if !some_month_has(days, months) {
        return Err(Invalid::new(FIELD, "must have a day of month that one of its months has"));
    }
    Ok(texts.join(" "))
}

/// Whether any of the days is in any of the months. Every date falls on every day of the week at some time, so this is all that
/// could keep a line from ever being due.
fn some_month_has(days: Values, months: Values) -> bool {
    (1..).zip(DAYS).any(|(month, length)| months & 1 << month != 0 && days.trailing_zeros() <= length)
}

impl Place {
    /// What the field may be, and that it is not.
    fn rule(&self) -> Invalid {
        let Self { name, least, most, names } = self;
        let names = match (names.first(), names.last()) {
            (Some(first), Some(last)) => format!(" or {first} to {last}"),
            _ => String::new(),
        };
        let rule = format!(
            "has a wrong {name}: it must be a list of *, values and ranges from {least} to {most}{names}, with steps of 1 to {most}"
        );
        Invalid::new(FIELD, rule)
    }

    fn values(&self, list: &str) -> Option<Values> {
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
        good.then(|| (first..=last).step_by(step.into()).fold(0, |values, value| values | 1 << value))
    }

    fn value(&self, text: &str) -> Option<u8> {
        let named = (self.least..).zip(self.names).find(|(_, name)| **name == text);
        let value = named.map(|(value, _)| value).or_else(|| number(text))?;
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

/// A number without a sign, which the standard library's reading would take.
fn number(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_take_lists_ranges_steps_and_names() {
        for (line, checked) in [
            ("* * * * *", "* * * * *"),
            ("*/15 9-17 * * mon-fri", "*/15 9-17 * * MON-FRI"),
            ("  0\t0 1,15 jan,JUL * ", "0 0 1,15 JAN,JUL *"),
            ("0-59/5,7 5/6 31 12 0,7", "0-59/5,7 5/6 31 12 0,7"),
            ("0 0 29 2 *", "0 0 29 2 *"),
            ("0 0 30,31 FEB,APR *", "0 0 30,31 FEB,APR *"),
            ("05 00 * * 5-7", "05 00 * * 5-7"),
        ] {
            assert_eq!(Cron::parse(line).expect(line).as_str(), checked);
        }
    }

    #[test]
    fn should_name_the_field_of_the_line_that_is_wrong() {
        for (name, lines) in [
            (
                "minute",
                &["60 * * * *", "-1 * * * *", "+1 * * * *", "1.5 * * * *", "*/0 * * * *", "*/60 * * * *"][..],
            ),
            (
                "hour",
                &["* 24 * * *", "* 5-2 * * *", "* 1- * * *", "* , * * *", "* 1,,2 * * *", "* */2/2 * * *"],
            ),
            ("day of month", &["* * 0 * *", "* * 32 * *", "* * ? * *", "* * L * *", "* * MON * *"]),
            ("month", &["* * * 0 *", "* * * 13 *", "* * * JANUARY *", "* * * DEC-JAN *", "* * * */13 *"]),
            ("day of week", &["* * * * 8", "* * * * FRI-SUN", "* * * * MO", "* * * * 1#2", "* * * * JAN"]),
        ] {
            for line in lines {
                let error = Cron::parse(line).expect_err(line);
                assert_eq!(error.field, "spec.cron");
                assert!(error.message.starts_with(&format!("has a wrong {name}: ")), "{line}: {error}");
            }
        }
    }

    #[test]
    fn should_say_what_each_field_may_be() {
        let rules: Vec<String> = PLACES.iter().map(|place| place.rule().to_string()).collect();
        insta::assert_snapshot!(rules.join("\n"));
    }

    #[test]
    fn should_want_five_fields() {
        for line in ["", "* * * *", "* * * * * *", "@daily", "@every 5m", "CRON_TZ=UTC * * * * *"] {
            let message = Cron::parse(line).expect_err(line).message;
            assert_eq!(message, "must have five fields: minute, hour, day of month, month, day of week");
        }
    }

    #[test]
    fn should_refuse_a_line_that_is_never_due() {
        for line in ["0 0 31 2 *", "0 0 30-31 FEB *", "0 0 31 4,6,9,11 *"] {
            let message = Cron::parse(line).expect_err(line).message;
            assert_eq!(message, "must have a day of month that one of its months has");
        }
    }
}
