//! Ids: what they look like from outside. To add one: a row in [`ids`].

use proptest::prelude::*;
use tenantry_domain::{
    ApiKeyId, AuditEntryId, ExecutionId, OrganizationId, ScheduleId, SecretId, UserId, WorkflowId,
};
use uuid::Uuid;

use crate::for_every;

struct Id {
    prefix: &'static str,
    write: fn(u128) -> String,
    read: fn(&str) -> Option<u128>,
}

fn ids() -> Vec<Id> {
    macro_rules! ids {
        ($($name:ident),+) => {
            vec![$(Id {
                prefix: $name::PREFIX,
                write: |bits| $name::from_uuid(Uuid::from_u128(bits)).to_string(),
                read: |text| text.parse::<$name>().ok().map(|id| id.uuid().as_u128()),
            }),+]
        };
    }
    ids![OrganizationId, UserId, ApiKeyId, WorkflowId, ExecutionId, ScheduleId, SecretId, AuditEntryId]
}

#[test]
fn should_come_back_from_its_text_to_its_own_type_alone() {
    for_every("ids", &any::<u128>(), |bits| {
        for (place, id) in ids().iter().enumerate() {
            let text = (id.write)(bits);
            prop_assert_eq!(text.split_once('_').map(|(prefix, _)| prefix), Some(id.prefix));
            for (other_place, other) in ids().iter().enumerate() {
                let expected = (other_place == place).then_some(bits);
                prop_assert_eq!((other.read)(&text), expected, "{} as {}_", &text, other.prefix);
            }
        }
        Ok(())
    });
}

#[test]
fn should_have_one_text_only() {
    let almost = "[0-9a-hjkmnp-tv-z]{25,27}|[0-9a-zA-Z]{26}";
    for_every("ids", &prop_oneof![any::<String>(), almost], |text| {
        for id in ids() {
            for text in [text.clone(), format!("{}_{text}", id.prefix)] {
                if let Some(bits) = (id.read)(&text) {
                    prop_assert_eq!((id.write)(bits), text);
                }
            }
        }
        Ok(())
    });
}
