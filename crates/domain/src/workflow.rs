//! Workflows: the definitions that organizations upload.

use serde_json::Value;

use crate::{
    Timestamp, UserId, WorkflowId,
    field::{Invalid, checked_string},
};

checked_string!(
    /// A workflow's name: the `document.name` of its definition, a DNS label of 1–63 characters (RFC 1123).
    WorkflowName, parse_name
);

impl WorkflowName {
    /// How many characters it has at most.
    pub const MAX_LENGTH: usize = 63;
}

fn parse_name(value: &str) -> Result<String, Invalid> {
    let well_formed = value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !value.starts_with('-')
        && !value.ends_with('-');
    if well_formed && (1..=WorkflowName::MAX_LENGTH).contains(&value.len()) {
        return Ok(value.to_owned());
    }
    let rule =
        "must have 1 to 63 characters: lower-case letters, digits and hyphens, the first and last no hyphen";
    Err(Invalid::new("name", rule))
}

/// Counts the uploads of a workflow that changed it: 1, 2, …
pub type Revision = i32;

/// One revision of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    /// Names the workflow, over all its revisions.
    pub id: WorkflowId,
    /// Unique in the organization.
    pub name: String,
    /// Which upload this is.
    pub revision: Revision,
    /// The definition's own `document.version`.
    pub document_version: String,
    /// SHA-256 over the definition's canonical JSON, in hexadecimal.
    pub digest: String,
    /// The definition as JSON; null in a list when it is large.
    pub definition: Value,
    /// When this revision was uploaded.
    pub created_at: Timestamp,
    /// By whom: a user of the organization, or an admin. Nobody, for what was there before there were users.
    pub created_by: Option<UserId>,
}
