//! What a caller may do: a closed set of permissions, and the roles that are sets of them.

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
        /// Stop executions.
        CancelExecutions = "executions:cancel",
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
            ),
            Self::Worker => matches!(permission, P::UseOwnIdentity | P::ReadExecutions | P::PollTasks),
        }
    }

    /// What users of this role may do.
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |&permission| self.allows(permission))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

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
}
