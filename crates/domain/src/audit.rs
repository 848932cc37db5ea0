//! What the audit log records: each change, in the transaction that makes it, and each refusal.

use std::{net::IpAddr, sync::Arc};

use serde_json::Value;

use crate::{
    ApiKeyId, AuditEntryId, ExecutionId, OrganizationId, Role, ScheduleId, Timestamp, UserId, WorkflowId,
    field::words,
};

words!(
    /// What was done, or tried.
    Action {
        /// Something that the caller's role does not allow.
        Access = "access",
        /// An organization was created.
        OrganizationCreate = "organization.create",
        /// An organization's namespace became usable, or failed to.
        OrganizationProvision = "organization.provision",
        /// An organization's namespace was changed by somebody else, and was repaired, or cannot be.
        OrganizationRepair = "organization.repair",
        /// An organization's provisioning was asked for again.
        OrganizationRetry = "organization.retry_provisioning",
        /// An organization was renamed.
        OrganizationUpdate = "organization.update",
        /// An organization was suspended.
        OrganizationSuspend = "organization.suspend",
        /// An organization was resumed.
        OrganizationResume = "organization.resume",
        /// An organization was marked for erasure.
        OrganizationDelete = "organization.delete",
        /// An organization and all it owned were erased.
        OrganizationErase = "organization.erase",
        /// An organization's quotas were changed.
        QuotaUpdate = "quota.update",
        /// A user was created.
        UserCreate = "user.create",
        /// A user's name, role or status was changed.
        UserUpdate = "user.update",
        /// A user was deleted, and their keys with them.
        UserDelete = "user.delete",
        /// An API key was created.
        ApiKeyCreate = "api_key.create",
        /// An API key's name, end or limits were changed.
        ApiKeyUpdate = "api_key.update",
        /// An API key was given a new secret.
        ApiKeyRotate = "api_key.rotate",
        /// An API key was revoked.
        ApiKeyRevoke = "api_key.revoke",
        /// A new revision of a workflow was uploaded.
        WorkflowApply = "workflow.apply",
        /// A workflow was deleted.
        WorkflowDelete = "workflow.delete",
        /// An execution was started.
        ExecutionStart = "execution.start",
        /// An execution was asked to stop.
        ExecutionCancel = "execution.cancel",
        /// A signal was sent to an execution.
        ExecutionSignal = "execution.signal",
        /// An execution was ended without being asked.
        ExecutionTerminate = "execution.terminate",
        /// A schedule was made.
        ScheduleCreate = "schedule.create",
        /// A schedule was changed.
        ScheduleUpdate = "schedule.update",
        /// A schedule was paused.
        SchedulePause = "schedule.pause",
        /// A schedule was resumed.
        ScheduleResume = "schedule.resume",
        /// A schedule was deleted.
        ScheduleDelete = "schedule.delete",
        /// A schedule was told to start something now.
        ScheduleTrigger = "schedule.trigger",
        /// A schedule was told to start what it would have started in a span of time.
        ScheduleBackfill = "schedule.backfill",
    }
);

words!(
    /// What came of it.
    Outcome {
        /// It was done.
        Ok = "ok",
        /// The caller may not.
        Denied = "denied",
        /// It was tried and did not work.
        Failed = "failed",
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
    /// A schedule.
    Schedule(ScheduleId),
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
            Self::Schedule(_) => "schedule",
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
            Self::Schedule(id) => id.to_string(),
        }
    }
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody with an API key.
    User {
        /// Who.
        user: UserId,
        /// With which key.
        api_key: ApiKeyId,
        /// In which role.
        role: Role,
        /// Of which organization: that of the resource, or the system organization.
        organization: OrganizationId,
    },
    /// The deployment itself: its reconciler, its hosted worker, its first start.
    System,
}

impl Actor {
    /// The user, if somebody acts.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::User { user, .. } => Some(user),
            Self::System => None,
        }
    }

    /// The key they presented.
    pub fn api_key(self) -> Option<ApiKeyId> {
        match self {
            Self::User { api_key, .. } => Some(api_key),
            Self::System => None,
        }
    }
}

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The id that stands in the answer and in the server's log.
    pub request_id: Option<Arc<str>>,
    /// The address of the client.
    pub source_address: Option<IpAddr>,
}

/// Who acts, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Who.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
}

impl Trail {
    /// The deployment itself.
    pub fn system() -> Self {
        Self { actor: Actor::System, origin: Origin::default() }
    }
}

/// What is to be recorded.
#[derive(Clone, Debug)]
pub struct Event {
    /// What was done, or tried.
    pub action: Action,
    /// To what.
    pub resource: Resource,
    /// What came of it.
    pub outcome: Outcome,
    /// What changed: for each field the value before and after, without secrets.
    pub changes: Option<Value>,
}

impl Event {
    /// Something that was done.
    pub fn done(action: Action, resource: Resource) -> Self {
        Self { action, resource, outcome: Outcome::Ok, changes: None }
    }

    /// With what changed.
    #[must_use]
    pub fn with_changes(self, changes: Value) -> Self {
        Self { changes: Some(changes), ..self }
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Names it.
    pub id: AuditEntryId,
    /// The organization whose log it is in.
    pub organization_id: OrganizationId,
    /// Its place in that log: 1, 2, …
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who, if not the deployment itself.
    pub user_id: Option<UserId>,
    /// With which key.
    pub key_id: Option<ApiKeyId>,
    /// In which role.
    pub role: Option<String>,
    /// Of which organization.
    pub actor_organization_id: Option<OrganizationId>,
    /// What was done, or tried.
    pub action: String,
    /// The kind of thing it was done to.
    pub resource_type: String,
    /// Which.
    pub resource_id: String,
    /// What came of it.
    pub outcome: String,
    /// The request.
    pub request_id: Option<String>,
    /// Where it came from.
    pub source_address: Option<String>,
    /// What changed.
    pub changes: Option<Value>,
    /// SHA-256 over this entry and the hash before it, in hexadecimal.
    pub hash: String,
    /// The hash of the entry before it; empty for the first.
    pub previous_hash: String,
}
