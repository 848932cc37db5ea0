//! What a caller may do: a closed set of permissions, and the roles that are sets of them.

use std::fmt;

use crate::field::words;

words!(
    /// One thing that a caller may be allowed to do in an organization (or, for `platform:*`, on the deployment).
    Permission {
        /// Create, list, suspend and delete organizations, and act inside any of them.
        ManageOrganizations = "platform:organizations",
        /// Read one's own organization.
        ReadOrganization = "organization:read",
        /// Rename one's own organization.
        WriteOrganization = "organization:write",
        /// Read one's own user and API keys, and make keys for oneself.
        UseOwnIdentity = "identity:use",
        /// Read the organization's users and their API keys.
        ReadUsers = "users:read",
        /// Create and change users and their API keys.
        WriteUsers = "users:write",
        /// Read workflow definitions, and validate new ones.
        ReadWorkflows = "workflows:read",
        /// Upload and delete workflow definitions.
        WriteWorkflows = "workflows:write",
        /// Read executions, their tasks and outputs.
        ReadExecutions = "executions:read",
        /// Start executions.
        StartExecutions = "executions:start",
        /// Ask executions to stop.
        CancelExecutions = "executions:cancel",
        /// Send signals to executions.
        SignalExecutions = "executions:signal",
        /// End executions without asking them.
        TerminateExecutions = "executions:terminate",
        /// Read schedules, and when they start next.
        ReadSchedules = "schedules:read",
        /// Make, change and delete schedules, and have them start something now.
        WriteSchedules = "schedules:write",
        /// Read the audit log.
        ReadAudit = "audit:read",
        /// Poll and complete tasks through the gateway.
        PollTasks = "tasks:poll",
    }
);

words!(
    /// A set of permissions with a name. Every user has exactly one.
    Role {
        /// The platform's own people; only in the system organization.
        Admin = "admin",
        /// Everything in their organization.
        Manager = "manager",
        /// Reads, and starts executions.
        Customer = "customer",
        /// A service account of own workers: polls and completes tasks.
        Worker = "worker",
    }
);

impl Role {
    /// Whether users of this role may do it.
    pub const fn allows(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Admin => true,
            Self::Manager => !matches!(permission, P::ManageOrganizations),
            Self::Customer => matches!(
                permission,
                P::ReadOrganization
                    | P::UseOwnIdentity
                    | P::ReadWorkflows
                    | P::ReadExecutions
                    | P::StartExecutions
                    | P::CancelExecutions
                    | P::SignalExecutions
                    | P::ReadSchedules
            ),
            Self::Worker => matches!(permission, P::UseOwnIdentity | P::ReadExecutions | P::PollTasks),
        }
    }

    /// What users of this role may do.
    pub fn permissions(self) -> PermissionSet {
        Permission::ALL.iter().copied().filter(|&permission| self.allows(permission)).collect()
    }
}

/// Some of the permissions, each a bit in the order of their declaration.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct PermissionSet(u32);

impl PermissionSet {
    /// Every permission there is.
    pub const ALL: Self = Self(u32::MAX >> (u32::BITS as usize - Permission::ALL.len()));

    /// Whether this one is among them.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & bit(permission) != 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the other has none that is not here.
    pub const fn covers(self, other: Self) -> bool {
        other.without(self).is_empty()
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of their declaration.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |&permission| self.contains(permission))
    }
}

const fn bit(permission: Permission) -> u32 {
    1 << permission as u32
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | bit(permission)))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::as_str)).finish()
    }
}

impl serde::Serialize for PermissionSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::{prelude::*, sample::subsequence};

    use super::*;

    #[test]
    fn should_allow_each_role_what_the_matrix_says() {
        let mut matrix = format!("{:24}", "");
        for role in Role::ALL {
            let _ = write!(matrix, "{:>9}", role.as_str());
        }
        for &permission in Permission::ALL {
            let _ = write!(matrix, "\n{:24}", permission.as_str());
            for role in Role::ALL {
                let _ = write!(matrix, "{:>9}", if role.allows(permission) { "yes" } else { "-" });
            }
        }
        insta::assert_snapshot!(matrix);
    }

    proptest! {
        #[test]
        fn should_be_the_set_of_what_was_put_in(
            a in subsequence(Permission::ALL, 0..=Permission::ALL.len()),
            b in subsequence(Permission::ALL, 0..=Permission::ALL.len()),
        ) {
            let (one, other): (PermissionSet, PermissionSet) = (a.iter().copied().collect(), b.iter().copied().collect());
            prop_assert_eq!(one.iter().collect::<Vec<_>>(), a.clone());
            prop_assert_eq!(one.is_empty(), a.is_empty());
            prop_assert!(PermissionSet::ALL.covers(one));
            prop_assert_eq!(one.covers(other), b.iter().all(|permission| a.contains(permission)));
            for &permission in Permission::ALL {
                let (in_a, in_b) = (a.contains(&permission), b.contains(&permission));
                prop_assert_eq!(one.contains(permission), in_a);
                prop_assert_eq!(one.intersection(other).contains(permission), in_a && in_b);
                prop_assert_eq!(one.without(other).contains(permission), in_a && !in_b);
            }
        }
    }
}
