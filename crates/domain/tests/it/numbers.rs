//! The types that are made from a number.

use proptest::prelude::*;
use tenantry_domain::{Quota, schedule::Interval};

use crate::for_every;

#[test]
fn should_accept_a_limit_within_its_range_and_name_the_quota_otherwise() {
    for &quota in Quota::ALL {
        let near = prop_oneof![any::<u32>(), 0..=1_000_u32, quota.max_limit() - 9..=quota.max_limit() + 9];
        for_every(quota.as_str(), &near, |limit| {
            let least = u32::from(quota == Quota::RetentionDays);
            match quota.check(limit) {
                Ok(checked) => {
                    prop_assert!(checked == limit && (least..=quota.max_limit()).contains(&limit));
                }
                Err(invalid) => {
                    prop_assert_eq!(invalid.field, quota.as_str());
                    prop_assert!(limit < least || limit > quota.max_limit());
                }
            }
            Ok(())
        });
    }
}

#[test]
fn should_accept_an_interval_within_its_range_and_name_the_field_otherwise() {
    let most = i64::from(Interval::MAX_SECONDS);
    for_every("interval", &prop_oneof![any::<i64>(), -9..=9_i64, 1..=most, most - 9..=most + 9], |seconds| {
        let checked = Interval::from_seconds(seconds);
        prop_assert_eq!(checked.is_ok(), (1..=most).contains(&seconds));
        match checked {
            Ok(interval) => prop_assert_eq!(i64::from(interval.seconds()), seconds),
            Err(invalid) => prop_assert_eq!(invalid.field, "spec.every_seconds"),
        }
        Ok(())
    });
}
