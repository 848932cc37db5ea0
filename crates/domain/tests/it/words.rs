//! The closed sets of words. To add one: a line in the test.

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use proptest::prelude::*;
use tenantry_domain::{
    ExecutionStatus, OrganizationStatus, Permission, Quota, Role, UserKind, UserStatus,
    audit::{Action, Outcome},
    field::UnknownWord,
    schedule::Overlap,
};

use crate::for_every;

/// Each word is read as what it stands for, and nothing else is read.
fn check<T>(all: &[T])
where
    T: Copy + Debug + Display + PartialEq + FromStr<Err = UnknownWord>,
{
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    let texts = prop_oneof![
        any::<String>(),
        proptest::sample::select(words.clone()),
        (proptest::sample::select(words.clone()), any::<char>())
            .prop_map(|(word, more)| format!("{word}{more}")),
    ];
    for_every(std::any::type_name::<T>(), &texts, |text| {
        match text.parse::<T>() {
            Ok(value) => prop_assert_eq!(value.to_string(), text),
            Err(unknown) => prop_assert!(!words.contains(&text) && unknown.expected == words),
        }
        Ok(())
    });
    for &value in all {
        assert_eq!(value.to_string().parse(), Ok(value));
    }
}

#[test]
fn should_read_its_own_words_and_no_others() {
    check(Role::ALL);
    check(Permission::ALL);
    check(UserKind::ALL);
    check(UserStatus::ALL);
    check(OrganizationStatus::ALL);
    check(ExecutionStatus::ALL);
    check(Quota::ALL);
    check(Action::ALL);
    check(Outcome::ALL);
    check(Overlap::ALL);
}
