//! Lines of cron.

use super::place::{DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, Place, some_month_has};
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
    /// How many characters a line has at most.
    pub const MAX_LENGTH: usize = 500;

    /// A line that was checked when it was stored.
    pub fn from_storage(value: String) -> Self {
        Self(value)
    }
}

const MAX_LENGTH: usize = Cron::MAX_LENGTH;
const FIELD: &str = "spec.cron";

const PLACES: [Place; 5] = [MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK];

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
        *set = place.values(text).ok_or_else(|| wrong(place))?;
    }
    let [_, _, days, months, _] = sets;
    if !some_month_has(days, months) {
        return Err(Invalid::new(FIELD, "must have a day of month that one of its months has"));
    }
    Ok(texts.join(" "))
}

/// Which field of the line is wrong, and what it may be.
fn wrong(place: &Place) -> Invalid {
    Invalid::new(FIELD, format!("has a wrong {}: it must be {}", place.name, place.rule()))
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
        let rules: Vec<String> = PLACES.iter().map(|place| wrong(place).to_string()).collect();
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
