//! What a use case can answer besides its result. It knows no HTTP.

use std::borrow::Cow;

use tenantry_domain::{
    Invalid, OrganizationStatus, Stale, chain, organization::IllegalTransition, quota::Exceeded,
};
use tenantry_storage::{Conflict, Refusal};

use crate::rate_limits::Limited;

/// Why a use case did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or none that the caller may know of.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Temporal does not have the history of the execution any more.
    #[error("the history is kept for {retention_days} days after the end, and is not there any more")]
    Forgotten {
        /// How long the organization has histories kept.
        retention_days: u32,
    },
    /// The caller's rights ended while the request was under way.
    #[error("the caller's rights have changed")]
    Unauthenticated,
    /// The caller may see it, but not do this to it.
    #[error("the role does not allow it: {0}")]
    Forbidden(&'static str),
    /// Fields that are not as they must be.
    #[error("some fields are invalid")]
    Invalid(Vec<Invalid>),
    /// A definition that cannot be run.
    #[error(transparent)]
    Definition(#[from] tenantry_dsl::Error),
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// It has changed since whoever changes it looked.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The organization has as much of it as it may have.
    #[error(transparent)]
    QuotaExceeded(#[from] Exceeded),
    /// There were too many requests.
    #[error(transparent)]
    RateLimited(#[from] Limited),
    /// The organization cannot do this in its present state.
    #[error("the organization is {0}")]
    OrganizationNot(OrganizationStatus),
    /// Something that this needs is away. The same may work later.
    #[error("a part of the deployment is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of ours.
    #[error("an internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// The same for everybody who waited for one query.
    pub(crate) fn of_shared(error: &tenantry_storage::Error) -> Self {
        use tenantry_storage::Error as E;
        let cause = chain(error).into();
        match error {
            E::Unavailable(_) | E::Contended(_) => Self::Unavailable(cause),
            _ => Self::Internal(cause),
        }
    }

    pub(crate) fn conflict(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict(why.into())
    }
}

impl From<IllegalTransition> for Error {
    fn from(illegal: IllegalTransition) -> Self {
        Self::conflict(illegal.to_string())
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![invalid])
    }
}

impl From<tenantry_storage::Error> for Error {
    fn from(error: tenantry_storage::Error) -> Self {
        use tenantry_storage::Error as E;
        match error {
            E::Conflict(Conflict::SlugTaken) => Self::conflict("another organization has this slug"),
            E::Conflict(Conflict::EmailTaken) => {
                Self::conflict("another user of the organization has this e-mail address")
            }
            E::Conflict(Conflict::ExecutionIdTaken) => Self::conflict("another execution has this id"),
            E::Conflict(Conflict::WorkflowIdTaken) => {
                Self::conflict("another execution has this workflow id")
            }
            E::Conflict(Conflict::WorkflowContended) => {
                Self::conflict("somebody else is changing this workflow; try again")
            }
            E::Conflict(Conflict::UserGone) => Self::NotFound("user"),
            E::Conflict(Conflict::OrganizationGone) | E::Refused(Refusal::Gone) => {
                Self::NotFound("organization")
            }
            E::Refused(Refusal::Actor) => Self::Unauthenticated,
            E::Refused(Refusal::Suspended) => Self::OrganizationNot(OrganizationStatus::Suspended),
            E::Unavailable(_) | E::Contended(_) => Self::Unavailable(Box::new(error)),
            E::Internal(_) => Self::Internal(Box::new(error)),
        }
    }
}

impl From<tenantry_temporal::Error> for Error {
    fn from(error: tenantry_temporal::Error) -> Self {
        use tenantry_temporal::Error as E;
        match error {
            E::Unavailable(_) | E::Busy(_) | E::Unsettled(_) => Self::Unavailable(Box::new(error)),
            _ => Self::Internal(Box::new(error)),
        }
    }
}
