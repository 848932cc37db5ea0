//! What can go wrong with a call.

use std::{fmt, time::Duration};

use reqwest::StatusCode;
use serde::Deserialize;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused, and says why.
    #[error("{0}")]
    Api(Box<Problem>),
    /// No whole answer came: nobody listens there, the connection broke, or it took too long.
    #[error("cannot reach {url}")]
    Unreachable {
        /// Where the server was expected.
        url: String,
        /// What stood in the way.
        source: reqwest::Error,
    },
    /// No answer began in time.
    #[error("{url} does not answer")]
    TimedOut {
        /// Where the server was expected.
        url: String,
    },
    /// An answer came that is not what the API promises: perhaps something else listens there.
    #[error("unexpected answer with status {status}: {reason}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// What is unexpected about it.
        reason: String,
    },
    /// The client was given something that it cannot use.
    #[error("{0}")]
    Unusable(String),
}

impl Error {
    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api(problem) => Some(problem.status),
            Self::Unexpected { status, .. } => Some(*status),
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Unusable(_) => None,
        }
    }

    /// Whether it says nothing of the call itself: the same call may succeed once the server is back or has room.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Api(problem) if problem.code == "quota_exceeded" => false,
            Self::Api(_) | Self::Unexpected { .. } => matches!(self.status(), Some(429 | 502 | 503 | 504)),
            Self::Unusable(_) => false,
        }
    }
}

/// The server's own account of an error: the problem details of RFC 9457, with Tenantry's members.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// A URI for the kind of problem.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The kind of problem in words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What happened this time.
    #[serde(default)]
    pub detail: Option<String>,
    /// The kind of problem as a stable word: `not_found`.
    pub code: String,
    /// Names the request in the server's log.
    #[serde(default)]
    pub request_id: Option<String>,
    /// What is wrong with the input, place by place.
    #[serde(default)]
    pub errors: Vec<Defect>,
    /// The slug of the organization that stands in the way, such as one that is suspended.
    #[serde(default)]
    pub organization: Option<String>,
    /// The quota that is used up.
    #[serde(default)]
    pub quota: Option<String>,
    /// How long to wait before the next try, if the server says.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl Problem {
    /// The most telling sentence there is.
    pub fn message(&self) -> &str {
        match self.detail.as_deref() {
            Some(detail) if !detail.is_empty() => detail,
            _ if !self.title.is_empty() => &self.title,
            _ => &self.code,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        self.errors.iter().try_for_each(|defect| write!(f, "; {defect}"))
    }
}

/// What is wrong with one place of the input: a field of a request, or a line of a workflow definition.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Defect {
    /// The field, as the caller wrote it.
    #[serde(default)]
    pub field: Option<String>,
    /// Where in the definition, as a JSON Pointer (RFC 6901).
    #[serde(default)]
    pub path: Option<String>,
    /// The line in the definition's text, from 1.
    #[serde(default)]
    pub line: Option<usize>,
    /// The column in that line, in characters from 1.
    #[serde(default)]
    pub column: Option<usize>,
    /// The kind of defect as a stable word.
    #[serde(default)]
    pub code: Option<String>,
    /// What was expected.
    pub message: String,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_deref().or(self.path.as_deref()) {
            Some(place) if !place.is_empty() => write!(f, "{place}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

/// Reads an answer that is not a success.
pub(crate) fn refused(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Error {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Error::Api(Box::new(Problem { status: status.as_u16(), retry_after, ..problem })),
        Err(_) => Error::Unexpected {
            status: status.as_u16(),
            reason: "it has no problem details, so it may not come from a Tenantry server".to_owned(),
        },
    }
}

fn about_blank() -> String {
    "about:blank".to_owned()
}
