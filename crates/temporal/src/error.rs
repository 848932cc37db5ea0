//! What can go wrong with Temporal, told apart by what the caller does about it.

use std::{borrow::Cow, iter};

use temporalio_client::{
    errors::{ClientConnectError, WorkflowStartError},
    tonic::{Code, Status},
};
use temporalio_common::protos::{
    temporal::api::errordetails::v1::NamespaceNotFoundFailure, utilities::decode_status_detail,
};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why Temporal did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not one. The operator corrects it.
    #[error("must be an address of a Temporal frontend: host:port or http://host:port, and nothing else")]
    InvalidAddress,
    /// Temporal is away or slow. The same call may succeed later.
    #[error("Temporal does not answer")]
    Unavailable(#[source] Cause),
    /// Temporal limits how often this is done. The same call succeeds later; the caller waits longer each time.
    #[error("Temporal is asked too often")]
    Busy(#[source] Cause),
    /// Temporal's authorizer does not let us. The operator corrects it.
    #[error("Temporal does not permit it")]
    Denied(#[source] Cause),
    /// The organization's namespace does not exist (yet, or any more).
    #[error("the organization has no namespace in Temporal")]
    NoNamespace(#[source] Cause),
    /// A namespace of this name exists and is not this organization's. Nobody but an operator can help.
    #[error("the namespace {namespace} exists and does not belong to this organization")]
    ForeignNamespace {
        /// Its name.
        namespace: String,
    },
    /// The organization's namespace has no such execution, or none that still runs.
    #[error("Temporal has no such execution")]
    NoExecution(#[source] Cause),
    /// Another workflow of the organization's namespace has the id that was chosen for an execution.
    #[error("another workflow has the id")]
    WorkflowIdTaken(#[source] Cause),
    /// The organization's namespace exists and cannot be used as it is. Nobody but an operator can help.
    #[error("the namespace {namespace} {why}")]
    UnusableNamespace {
        /// Its name.
        namespace: String,
        /// What is wrong with it.
        why: Cow<'static, str>,
    },
    /// The organization's namespace lacks something that the call needs. The same call succeeds once it has been repaired.
    #[error("the organization's namespace is not as it should be")]
    Unsettled(#[source] Cause),
    /// Temporal will never accept this call, for example because the input is too large.
    #[error("Temporal refuses the call")]
    Refused(#[source] Cause),
    /// Anything else; a defect here or there.
    #[error("Temporal failed in an unexpected way")]
    Internal(#[source] Cause),
}

impl Error {
    pub(crate) fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// Whether Temporal's word that there is no such thing is at the bottom of it.
    pub(crate) fn tells_of_no_namespace(&self) -> bool {
        let chain = iter::successors(Some(self as &dyn std::error::Error), |error| error.source());
        let mut told = chain.filter_map(|error| error.downcast_ref::<Status>());
        told.any(|status| status.code() == Code::NotFound)
    }

    pub(crate) fn timed_out() -> Self {
        Self::Unavailable("no answer within the time limit".into())
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        // With a source, it is the transport that failed, whatever code that was given.
        let transport_failed = std::error::Error::source(&status).is_some();
        let make = match status.code() {
            Code::Internal if transport_failed => Self::Unavailable,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::Aborted => {
                Self::Unavailable
            }
            Code::ResourceExhausted => Self::Busy,
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied,
            Code::NotFound if is_about_an_execution(&status) => Self::NoExecution,
            Code::NotFound => Self::NoNamespace,
            Code::FailedPrecondition if remembers_what_is_deleted(&status) => Self::NoNamespace,
            Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => Self::Refused,
            _ => Self::Internal,
        };
        make(status.into())
    }
}

/// Temporal says with one code what it has not; what it was is in the details. In doubt it was the namespace: from that nobody
/// concludes that an execution is gone.
fn is_about_an_execution(status: &Status) -> bool {
    let namespace = decode_status_detail::<NamespaceNotFoundFailure>(status.details());
    namespace.is_some_and(|failure| failure.namespace.is_empty())
}

impl From<ClientConnectError> for Error {
    fn from(error: ClientConnectError) -> Self {
        match error {
            ClientConnectError::SystemInfoCallError(status) => status.into(),
            error @ (ClientConnectError::TonicTransportError(_)
            | ClientConnectError::DnsResolutionError { .. }) => Self::Unavailable(error.into()),
            error => Self::internal(error),
        }
    }
}

impl From<WorkflowStartError> for Error {
    fn from(error: WorkflowStartError) -> Self {
        match error {
            WorkflowStartError::Rpc(status) if blames_the_namespace(&status) => {
                Self::Unsettled(Box::new(status))
            }
            WorkflowStartError::Rpc(status) => status.into(),
            error => Self::internal(error),
        }
    }
}

/// For a while after a namespace is deleted, parts of Temporal still know it as such, even if there is another one of its name.
fn remembers_what_is_deleted(status: &Status) -> bool {
    status.message().starts_with("Namespace has invalid state: Deleted")
}

/// Whether a start was refused for what its namespace is: it lacks a search attribute of ours, or takes no starts any more. There is
/// no code for it.
fn blames_the_namespace(status: &Status) -> bool {
    match status.code() {
        Code::InvalidArgument => status.message().to_ascii_lowercase().contains("search attribute"),
        code => code == Code::FailedPrecondition,
    }
}
