//! What the audit log records: each change, in the transaction that makes it.

use crate::{ApiKeyId, ExecutionId, OrganizationId, UserId, WorkflowId, field::words};

words!(
    /// What was done.
    Action {
        /// An organization was created.
        OrganizationCreate = "organization.create",
        /// An organization's namespace became usable, or failed to.
        OrganizationProvision = "organization.provision",
        /// A user was created.
        UserCreate = "user.create",
        /// An API key was created.
        ApiKeyCreate = "api_key.create",
        /// An API key was revoked.
        ApiKeyRevoke = "api_key.revoke",
        /// A new revision of a workflow was uploaded.
        WorkflowApply = "workflow.apply",
        /// An execution was started.
        ExecutionStart = "execution.start",
    }
);

/// What it was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// An organization.
    Organization(OrganizationId),
    /// A user.
    User(UserId),
    /// An API key.
    ApiKey(ApiKeyId),
    /// A workflow.
    Workflow(WorkflowId),
    /// An execution.
    Execution(ExecutionId),
}

impl Resource {
    /// The kind of thing, in snake case.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Organization(_) => "organization",
            Self::User(_) => "user",
            Self::ApiKey(_) => "api_key",
            Self::Workflow(_) => "workflow",
            Self::Execution(_) => "execution",
        }
    }

    /// Its id, as text.
    pub fn id(self) -> String {
        match self {
            Self::Organization(id) => id.to_string(),
            Self::User(id) => id.to_string(),
            Self::ApiKey(id) => id.to_string(),
            Self::Workflow(id) => id.to_string(),
            Self::Execution(id) => id.to_string(),
        }
    }
}
