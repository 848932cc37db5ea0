//! Workflows: the definitions that an organization uploads.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::{Call, Client, Defect, List, Timestamp};

/// The routes under `/workflows`.
#[derive(Clone, Copy, Debug)]
pub struct Workflows<'a>(pub(crate) &'a Client);

impl Workflows<'_> {
    /// Uploads a definition. The name must be its `document.name`. A changed definition is a new revision (status
    /// 201); the same again is not (200).
    pub fn put(&self, name: &str, source: Source<'_>) -> Call<Workflow> {
        self.0.call(Method::PUT, &["workflows", name]).body(source.content_type(), source.text())
    }

    /// The latest revision of a workflow.
    pub fn get(&self, name: &str) -> Call<Workflow> {
        self.0.call(Method::GET, &["workflows", name])
    }

    /// The revisions of a workflow, newest first.
    pub fn revisions(&self, name: &str) -> List<Workflow> {
        List::new(self.0, &["workflows", name, "revisions"])
    }

    /// One revision of a workflow.
    pub fn revision(&self, name: &str, revision: i32) -> Call<Workflow> {
        self.0.call(Method::GET, &["workflows", name, "revisions", &revision.to_string()])
    }

    /// Deletes a workflow; what it has started goes on. Refused while schedules start it.
    pub fn delete(&self, name: &str) -> Call<Option<Workflow>> {
        self.0.call(Method::DELETE, &["workflows", name])
    }

    /// All workflows, each in its latest revision.
    pub fn list(&self) -> List<Workflow> {
        List::new(self.0, &["workflows"])
    }

    /// Says what is wrong with a definition, without keeping it. An empty answer is a valid definition.
    pub fn validate(&self, source: Source<'_>) -> Call<Vec<Defect>> {
        self.0.call(Method::POST, &["workflows", "validate"]).body(source.content_type(), source.text())
    }
}

/// The text of a definition.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// In YAML.
    Yaml(&'a str),
    /// In JSON.
    Json(&'a str),
}

impl<'a> Source<'a> {
    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Yaml(_) => "application/yaml",
            Self::Json(_) => "application/json",
        }
    }

    /// The text itself.
    pub fn text(self) -> &'a str {
        match self {
            Self::Yaml(text) | Self::Json(text) => text,
        }
    }
}

/// One revision of a workflow.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Workflow {
    /// Unique in the organization.
    pub name: String,
    /// Which upload this is: 1, 2, …
    pub revision: i32,
    /// The definition's own `document.version`.
    pub document_version: String,
    /// SHA-256 over the definition's canonical JSON, in hexadecimal.
    pub digest: String,
    /// The definition; a list may leave it out.
    #[serde(default)]
    pub definition: Value,
    /// When this revision was uploaded.
    pub created_at: Timestamp,
    /// By whom, if somebody still known.
    #[serde(default)]
    pub created_by: Option<String>,
}
