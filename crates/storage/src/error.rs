//! What can go wrong with a row.

use crate::Refusal;

/// Why a query did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL cannot be reached, or is starting or stopping. The same may work later.
    #[error("PostgreSQL is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A rule of the schema forbids it.
    #[error("the change conflicts with what is stored: {0}")]
    Conflict(Conflict),
    /// The actor may not write any more.
    #[error("the transaction was refused: {0}")]
    Refused(#[from] Refusal),
    /// The transaction met another one; the same may work at once.
    #[error("the transaction could not be serialized")]
    Contended(#[source] sqlx::Error),
    /// A fault of ours.
    #[error("a query failed")]
    Internal(#[source] sqlx::Error),
}

/// The rule of the schema that a change breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Another organization has the slug.
    #[error("the slug is taken")]
    SlugTaken,
    /// Another user of the organization has the address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Another execution of the organization has the id.
    #[error("the execution id is taken")]
    ExecutionIdTaken,
    /// Another execution of the organization has the name in Temporal.
    #[error("the workflow id is taken")]
    WorkflowIdTaken,
    /// Somebody uploaded the same workflow at the same time.
    #[error("the workflow is being changed by somebody else")]
    WorkflowContended,
    /// The user was removed meanwhile.
    #[error("the user is gone")]
    UserGone,
    /// The organization was erased meanwhile.
    #[error("the organization is gone")]
    OrganizationGone,
}

impl Conflict {
    fn of(constraint: &str) -> Option<Self> {
        match constraint {
            "organizations_slug_key" => Some(Self::SlugTaken),
            "users_email_key" => Some(Self::EmailTaken),
            "executions_pkey" => Some(Self::ExecutionIdTaken),
            "executions_by_temporal_workflow_id" => Some(Self::WorkflowIdTaken),
            "workflows_name_key" | "workflow_revisions_pkey" => Some(Self::WorkflowContended),
            "api_keys_user_fkey" => Some(Self::UserGone),
            constraint if constraint.ends_with("_organization_id_fkey") => Some(Self::OrganizationGone),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let state = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .unwrap_or_default()
            .into_owned();
        let constraint = error.as_database_error().and_then(|e| e.constraint());
        if let Some(conflict) = constraint.and_then(Conflict::of) {
            return Self::Conflict(conflict);
        }
        match (&error, state.as_str()) {
            (E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed, _) => {
                Self::Unavailable(error)
            }
            // SQLSTATE classes: 08 connection, 53 resources, 57P0x shutdown and start.
            (_, state) if state.starts_with("08") || state.starts_with("53") || state.starts_with("57P0") => {
                Self::Unavailable(error)
            }
            (_, "40001" | "40P01") => Self::Contended(error),
            _ => Self::Internal(error),
        }
    }
}
