//! The types that are made from a text. To add one: a row in [`rules`].

use proptest::{prelude::*, sample::select, string::string_regex};
use tenantry_domain::{
    ApiKeyName, Email, Invalid, OrganizationName, SecretName, SignalName, Slug, TemporalWorkflowId, UserName,
    WorkflowName, WorkflowType,
    execution::TerminationReason,
    schedule::{Cron, ScheduleNote, TimeZone},
};

use crate::for_every;

/// What a type says of itself.
struct Rule {
    name: &'static str,
    /// What its errors name.
    field: &'static str,
    parse: fn(&str) -> Result<String, Invalid>,
    /// Texts that it must accept.
    good: BoxedStrategy<String>,
    /// What holds for each text that it accepts.
    within: fn(&str) -> bool,
}

macro_rules! rule {
    ($name:ident, $field:literal, $good:expr, $within:expr) => {
        Rule {
            name: stringify!($name),
            field: $field,
            parse: |text| $name::parse(text).map(|value| value.as_str().to_owned()),
            good: $good,
            within: $within,
        }
    };
}

fn rules() -> Vec<Rule> {
    vec![
        rule!(Slug, "slug", like("[a-z][0-9][a-z0-9-]{0,37}[a-z0-9]"), |text| {
            (3..=40).contains(&text.len()) && has_only(text, "-") && text == text.to_lowercase()
        }),
        rule!(OrganizationName, "name", like("[^\\pC\\s](\\PC{0,198}[^\\pC\\s])?"), |text| is_name(
            text, 200
        )),
        rule!(UserName, "name", like("[^\\pC\\s](\\PC{0,198}[^\\pC\\s])?"), |text| is_name(text, 200)),
        rule!(ApiKeyName, "name", like("[^\\pC\\s](\\PC{0,98}[^\\pC\\s])?"), |text| is_name(text, 100)),
        rule!(Email, "email", addresses(), |text| {
            text.len() <= 254
                && text.split('@').filter(|part| !part.is_empty()).count() == 2
                && !text.contains(char::is_whitespace)
                && text == text.to_lowercase()
        }),
        rule!(WorkflowName, "name", like("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"), |text| {
            (1..=63).contains(&text.len())
                && has_only(text, "-")
                && text == text.to_lowercase()
                && text == text.trim_matches('-')
        }),
        rule!(SecretName, "name", like("[A-Za-z0-9_-]{1,100}"), |text| {
            (1..=100).contains(&text.len()) && has_only(text, "_-")
        }),
        rule!(WorkflowType, "workflow_type", like("[A-Z][^\\pC\\s]{0,249}"), |text| is_name(text, 250)),
        rule!(SignalName, "name", like("[A-Z][^\\pC\\s]{0,249}"), |text| is_name(text, 250)),
        rule!(TemporalWorkflowId, "workflow_id", like("[A-Z][^\\pC\\s]{0,249}"), |text| is_name(text, 250)),
        rule!(TerminationReason, "reason", prop_oneof![names(500), like(" ?")].boxed(), |text| text
            .is_empty()
            || is_name(text, 500)),
        rule!(ScheduleNote, "note", prop_oneof![names(500), like(" ?")].boxed(), |text| text.is_empty()
            || is_name(text, 500)),
        rule!(TimeZone, "spec.timezone", zones(), |text| text.parse::<chrono_tz::Tz>().is_ok()),
        rule!(Cron, "spec.cron", lines_of_cron(), |text| {
            text.len() <= 500 && text.split(' ').count() == 5 && has_only(text, " */,-")
        }),
    ]
}

fn like(pattern: &str) -> BoxedStrategy<String> {
    string_regex(pattern).expect(pattern).boxed()
}

fn has_only(text: &str, besides: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || besides.contains(c))
}

fn is_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count()) && text == text.trim() && !text.contains(char::is_control)
}

/// Names that people read, the longest among them.
fn names(longest: usize) -> BoxedStrategy<String> {
    like(&format!("[^\\pC\\s](\\PC{{0,{}}}[^\\pC\\s])?|[^\\pC\\s]{{{longest}}}", longest - 2))
}

fn addresses() -> BoxedStrategy<String> {
    let longest = "[a-z]{64}@[a-z]{63}\\.[a-z]{63}\\.[a-z]{61}";
    like(&format!("[!#-?A-Z^-~]{{1,64}}@[a-z0-9-]{{1,60}}(\\.[A-Z0-9-]{{1,60}}){{0,2}}|{longest}"))
}

fn zones() -> BoxedStrategy<String> {
    select(chrono_tz::TZ_VARIANTS.as_slice()).prop_map(|zone| zone.name().to_owned()).boxed()
}

/// Lines that are due at some time: each month has a day 29 in some year.
fn lines_of_cron() -> BoxedStrategy<String> {
    let month = prop_oneof![place(1, 12), like("(JAN|feb|Mar|APR-DEC|may|JUN/2),(JUL|OCT-DEC/3)")];
    let weekday = prop_oneof![place(0, 7), like("SUN|mon-FRI|SAT,TUE|wed-SAT/2|Thu,0")];
    let white_space = || like("[ \t]{1,3}");
    let first = (white_space(), place(0, 59), white_space(), place(0, 23), white_space(), place(1, 29));
    let last = (white_space(), month, white_space(), weekday, white_space());
    (first, last)
        .prop_map(|((a, minute, b, hour, c, day), (d, month, e, weekday, f))| {
            format!("{a}{minute}{b}{hour}{c}{day}{d}{month}{e}{weekday}{f}")
        })
        .boxed()
}

/// One field of a line: a list of what crontab(5) allows in it.
fn place(least: u8, most: u8) -> BoxedStrategy<String> {
    let step = proptest::option::of((1..=most).prop_map(|step| format!("/{step}")));
    let range = prop_oneof![
        Just("*".to_owned()),
        (least..=most).prop_map(|value| value.to_string()),
        (least..=most)
            .prop_flat_map(move |first| (Just(first), first..=most))
            .prop_map(|(first, last)| format!("{first}-{last}")),
    ];
    let part = (range, step).prop_map(|(range, step)| range + step.as_deref().unwrap_or(""));
    proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join(",")).boxed()
}

/// Any text, and texts that are almost good: one character is another, or the last one comes again and again.
fn any_text(good: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let awkward = select(" \t\n\0\u{a0}\u{2003}@./,*-_ßİΣ".chars().collect::<Vec<_>>());
    let other = prop_oneof![any::<char>(), awkward];
    let damaged = (good.clone(), any::<prop::sample::Index>(), other).prop_map(|(text, at, other)| {
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len() + 1);
        characters.splice(at..(at + 1).min(characters.len()), [other]);
        characters.into_iter().collect()
    });
    let stretched = (good, 1..600_usize).prop_map(|(mut text, times)| {
        let last = text.chars().last();
        text.extend(last.into_iter().cycle().take(times));
        text
    });
    prop_oneof![any::<String>(), damaged, stretched]
}

#[test]
fn should_accept_every_text_of_the_rule() {
    for rule in rules() {
        for_every(rule.name, &rule.good, |text| {
            prop_assert!((rule.parse)(&text).is_ok(), "{:?}", (rule.parse)(&text));
            Ok(())
        });
    }
}

#[test]
fn should_accept_only_what_is_within_the_rule_and_name_the_field_otherwise() {
    for rule in rules() {
        for_every(rule.name, &any_text(rule.good), |text| {
            match (rule.parse)(&text) {
                Ok(value) => {
                    prop_assert!((rule.within)(&value), "{value:?}");
                    prop_assert_eq!((rule.parse)(&value), Ok(value), "a second look changes nothing");
                }
                Err(invalid) => {
                    prop_assert_eq!(invalid.field, rule.field);
                    prop_assert!(!invalid.message.is_empty());
                }
            }
            Ok(())
        });
    }
}
