//! What Tenantry talks about.
//!
//! Every type here is made by a constructor that checks it, so code that holds one need not check again. The crate
//! knows no database, no HTTP and no Temporal; the crates around it convert at their edges.
//!
//! To add an entity: a module with its types, their constructors and the transitions they allow, and an [`id`] for it.

pub mod api_key;
pub mod audit;
pub mod caller;
pub mod clock;
pub mod execution;
pub mod field;
pub mod id;
pub mod network;
pub mod organization;
pub mod permission;
pub mod quota;
pub mod repository;
pub mod schedule;
pub mod scopes;
pub mod secret;
pub mod user;
pub mod version;
pub mod workflow;

mod chain;
mod change;
mod page;

pub use api_key::{AllowedCidrs, ApiKey, ApiKeyName, RateLimit, Secret};
pub use audit::Actor;
pub use caller::{Caller, OrgScope};
pub use chain::chain;
pub use change::Change;
pub use clock::{Clock, SystemClock};
pub use execution::{Execution, ExecutionStatus, SignalName, TemporalWorkflowId, Work, WorkflowType};
pub use field::Invalid;
pub use id::{
    ApiKeyId, ApiKeySecretId, AuditEntryId, ExecutionId, OrganizationId, ScheduleId, SecretId, UserId,
    WorkflowId,
};
pub use network::Networks;
pub use organization::{Namespace, Organization, OrganizationName, OrganizationStatus, Slug};
pub use page::{Page, PageRequest};
pub use permission::{Permission, PermissionSet, Role};
pub use quota::{Quota, Quotas};
pub use schedule::Schedule;
pub use scopes::{Rights, Scopes, TaskQueueName};
pub use secret::SecretName;
pub use user::{Email, User, UserKind, UserName, UserStatus};
pub use version::{Precondition, Stale, Version, Versioned};
pub use workflow::{Revision, Workflow, WorkflowName};

/// A moment, in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
