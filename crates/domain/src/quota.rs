//! Quotas: how much of each thing an organization may have.

use crate::field::{Invalid, words};

words!(
    /// A thing that is counted.
    Quota {
        /// Requests to the API, each second, of all the organization's keys together.
        RequestsPerSecond = "requests_per_second",
        /// Users, service accounts included.
        Users = "users",
        /// API keys that are neither revoked nor expired.
        ApiKeys = "api_keys",
        /// Workflows, whatever the number of their revisions.
        Workflows = "workflows",
        /// Schedules.
        Schedules = "schedules",
        /// Executions that have not ended.
        RunningExecutions = "running_executions",
        /// Executions started, each second.
        StartsPerSecond = "starts_per_second",
        /// Days for which Temporal keeps the history of what has ended.
        RetentionDays = "retention_days",
        /// Activities of hosted definitions that are under way at the same time: calls, and notes of how executions begin and end.
        ConcurrentActivities = "concurrent_activities",
    }
);

impl Quota {
    /// What an organization may have when nobody has said anything else.
    pub const fn default_limit(self) -> u32 {
        match self {
            Self::RequestsPerSecond => 1_000,
            Self::Users | Self::Schedules | Self::StartsPerSecond => 100,
            Self::ApiKeys | Self::Workflows => 500,
            Self::RunningExecutions => 10_000,
            Self::ConcurrentActivities => 50,
            Self::RetentionDays => 7,
        }
    }

    /// What an admin must allow at least.
    pub const fn min_limit(self) -> u32 {
        matches!(self, Self::RetentionDays | Self::ConcurrentActivities) as u32
    }

    /// What an admin can allow at most.
    pub const fn max_limit(self) -> u32 {
        match self {
            Self::RetentionDays => 365,
            Self::ConcurrentActivities => 1_000,
            Self::RequestsPerSecond | Self::StartsPerSecond => 1_000_000,
            _ => 10_000_000,
        }
    }

    /// Checks a limit that an admin sets.
    ///
    /// # Errors
    /// Names the quota and the range.
    pub fn check(self, limit: u32) -> Result<u32, Invalid> {
        let least = self.min_limit();
        if (least..=self.max_limit()).contains(&limit) {
            return Ok(limit);
        }
        Err(Invalid::new(self.as_str(), format!("must be a number from {least} to {}", self.max_limit())))
    }
}

/// How much of everything an organization may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quotas([u32; Quota::ALL.len()]);

impl Quotas {
    /// The limits that somebody has set, and the defaults for the others.
    pub fn new(set: impl Fn(Quota) -> Option<u32>) -> Self {
        let mut limits = [0; Quota::ALL.len()];
        for (limit, &quota) in limits.iter_mut().zip(Quota::ALL) {
            *limit = set(quota).unwrap_or(quota.default_limit());
        }
        Self(limits)
    }

    /// How much of this thing.
    pub fn limit(&self, quota: Quota) -> u32 {
        self.0[quota as usize]
    }
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the quota {quota} is used up: {used} of {limit}")]
pub struct Exceeded {
    /// Of what.
    pub quota: Quota,
    /// How much there may be.
    pub limit: u32,
    /// How much there is.
    pub used: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_take_the_default_where_nothing_is_set() {
        let quotas = Quotas::new(|quota| (quota == Quota::Users).then_some(3));
        assert_eq!(quotas.limit(Quota::Users), 3);
        assert_eq!(quotas.limit(Quota::Workflows), Quota::Workflows.default_limit());
    }

    #[test]
    fn should_name_the_range_of_a_limit() {
        for &quota in Quota::ALL {
            assert_eq!(quota.check(quota.default_limit()), Ok(quota.default_limit()));
            let error = quota.check(quota.max_limit() + 1).expect_err("too much");
            assert_eq!(error.field, quota.as_str());
        }
        for without_none in [Quota::RetentionDays, Quota::ConcurrentActivities] {
            assert!(without_none.check(0).is_err());
        }
    }
}
