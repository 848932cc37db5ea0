//! The errors that a workflow raises while it runs.
//!
//! They are problem details (RFC 7807) as the specification's DSL reference defines them under "Error".

use serde::{Deserialize, Serialize};

const NAMESPACE: &str = "https://open-workflow-specification.org/spec/1.0.0/errors/";

/// What a text about an error has at most, in bytes: it is stored, and it may quote what a definition says.
const DETAIL_LIMIT: usize = 4096;

/// What a workflow failed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", .detail.as_deref().or(.title.as_deref()).unwrap_or(.kind))]
pub struct WorkflowError {
    /// A URI that names the kind of error; one of [`ErrorType`]'s, or a document's own.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status code, of HTTP where one fits.
    pub status: u16,
    /// What the kind of error is, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What happened this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The task that raised it, as a JSON Pointer into the definition, such as `/do/0/fetch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// The standard error types of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// A setting or an argument is wrong.
    Configuration,
    /// Data does not have the declared form.
    Validation,
    /// A runtime expression failed.
    Expression,
    /// Credentials were refused.
    Authentication,
    /// Something was not permitted.
    Authorization,
    /// Something took too long.
    Timeout,
    /// A service could not be reached or answered with an error.
    Communication,
    /// The execution itself went wrong.
    Runtime,
}

impl ErrorType {
    /// The URI that names it.
    pub fn uri(self) -> String {
        format!("{NAMESPACE}{}", self.name())
    }

    /// The status code when no other fits better.
    pub const fn default_status(self) -> u16 {
        match self {
            Self::Configuration | Self::Validation | Self::Expression => 400,
            Self::Authentication => 401,
            Self::Authorization => 403,
            Self::Timeout => 408,
            Self::Communication | Self::Runtime => 500,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Validation => "validation",
            Self::Expression => "expression",
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
            Self::Timeout => "timeout",
            Self::Communication => "communication",
            Self::Runtime => "runtime",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Configuration => "Configuration Error",
            Self::Validation => "Validation Error",
            Self::Expression => "Expression Error",
            Self::Authentication => "Authentication Error",
            Self::Authorization => "Authorization Error",
            Self::Timeout => "Timeout",
            Self::Communication => "Communication Error",
            Self::Runtime => "Runtime Error",
        }
    }
}

impl WorkflowError {
    /// A standard error with its default status; `detail` says what happened, in 4 KiB at most.
    pub fn new(error_type: ErrorType, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > DETAIL_LIMIT {
            detail.truncate(detail.floor_char_boundary(DETAIL_LIMIT));
            detail.push('…');
        }
        Self {
            kind: error_type.uri(),
            status: error_type.default_status(),
            title: Some(error_type.title().to_owned()),
            detail: Some(detail),
            instance: None,
        }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same, raised by the component that the JSON Pointer names, unless it already says by which.
    #[must_use]
    pub fn raised_by(mut self, instance: &str) -> Self {
        self.instance.get_or_insert_with(|| instance.to_owned());
        self
    }
}
