//! Limits, and what is used of them.

use tenantry_domain::Quota;
use utoipa::openapi::{ObjectBuilder, schema::AdditionalProperties};

use super::shapes::whole;

pub(super) fn quotas(all: bool) -> ObjectBuilder {
    let limits = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    Quota::ALL.iter().fold(limits, |limits, quota| {
        let limit = whole(quota.default_limit(), quota.min_limit(), quota.max_limit());
        let limits = limits.property(quota.as_str(), limit.description(Some(meaning(*quota))));
        if all { limits.required(quota.as_str()) } else { limits }
    })
}

pub(super) fn usage() -> ObjectBuilder {
    Quota::ALL.iter().fold(ObjectBuilder::new(), |usage, quota| {
        let used = whole(0, 0, u32::MAX).description(Some(meaning(*quota)));
        usage.property(quota.as_str(), used).required(quota.as_str())
    })
}

pub(super) const fn meaning(quota: Quota) -> &'static str {
    match quota {
        Quota::RequestsPerSecond => {
            "Requests to the API each second, of all the organization's keys together."
        }
        Quota::Users => "Users, service accounts included.",
        Quota::ApiKeys => "API keys that are neither revoked nor expired.",
        Quota::Workflows => "Workflows, whatever the number of their revisions.",
        Quota::Schedules => "Schedules.",
        Quota::RunningExecutions => "Executions that have not ended.",
        Quota::StartsPerSecond => "Executions started each second.",
        Quota::RetentionDays => "Days for which the history of what has ended is kept.",
        Quota::ConcurrentActivities => {
            "Activities of hosted definitions that are under way at the same time."
        }
    }
}
