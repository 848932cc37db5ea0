//! Every operation of the API, each with a request that is right: the table that the tests of isolation and of roles go through.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::{
    caller::{Answer, Caller},
    tenant::QUOTE,
};

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    body: Option<(&'static str, &'static str)>,
    pub(crate) kind: Kind,
}

/// What somebody may expect of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It asks for no credential.
    Open,
    /// It is about the caller's own organization, or about all of them.
    Whole,
    /// It names something that is in one organization.
    Named,
    /// It names something that each organization has its own of, and makes it.
    Makes,
}

/// What paths name.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) org: String,
    pub(crate) user: String,
    pub(crate) api_key: String,
    pub(crate) workflow: String,
    pub(crate) execution: String,
    pub(crate) schedule: String,
}

impl Names {
    /// Well-formed names of what is nowhere.
    pub(crate) fn missing() -> Self {
        Self {
            org: "nowhere".to_owned(),
            user: "usr_01h455vb4pex5vsknk084sn02q".to_owned(),
            api_key: "key_01h455vb4pex5vsknk084sn02q".to_owned(),
            workflow: "nothing".to_owned(),
            execution: "exe_01h455vb4pex5vsknk084sn02q".to_owned(),
            schedule: "sch_01h455vb4pex5vsknk084sn02q".to_owned(),
        }
    }

    /// What cannot name anything.
    pub(crate) fn malformed() -> Self {
        let wrong = || "Not%20a%20Name".to_owned();
        Self {
            org: wrong(),
            user: wrong(),
            api_key: wrong(),
            workflow: wrong(),
            execution: wrong(),
            schedule: wrong(),
        }
    }
}

const JSON: &str = "application/json";

const fn operation(
    method: &'static str,
    route: &'static str,
    kind: Kind,
    body: Option<(&'static str, &'static str)>,
) -> Operation {
    Operation { method, route, body, kind }
}

/// All of them, by path.
pub(crate) const OPERATIONS: &[Operation] = &[
    operation("GET", "/healthz", Kind::Open, None),
    operation("GET", "/readyz", Kind::Open, None),
    operation("GET", "/metrics", Kind::Open, None),
    operation("GET", "/api/v0/openapi.json", Kind::Open, None),
    operation("GET", "/docs", Kind::Open, None),
    operation("GET", "/docs/style.css", Kind::Open, None),
    operation("GET", "/api/v0/me", Kind::Whole, None),
    operation("GET", "/api/v0/organizations", Kind::Whole, None),
    operation(
        "POST",
        "/api/v0/organizations",
        Kind::Whole,
        Some((JSON, r#"{"slug": "new", "name": "New"}"#)),
    ),
    operation("GET", "/api/v0/organizations/{org}", Kind::Named, None),
    operation("PATCH", "/api/v0/organizations/{org}", Kind::Named, Some((JSON, r#"{"name": "Renamed"}"#))),
    // Without `confirm` nothing is deleted.
    operation("DELETE", "/api/v0/organizations/{org}", Kind::Named, None),
    operation("POST", "/api/v0/organizations/{org}/suspend", Kind::Named, Some((JSON, "{}"))),
    operation("POST", "/api/v0/organizations/{org}/resume", Kind::Named, None),
    operation("POST", "/api/v0/organizations/{org}/retry-provisioning", Kind::Named, None),
    operation("GET", "/api/v0/organizations/{org}/quotas", Kind::Named, None),
    operation("PUT", "/api/v0/organizations/{org}/quotas", Kind::Named, Some((JSON, r#"{"users": 9000}"#))),
    operation("GET", "/api/v0/organizations/{org}/usage", Kind::Named, None),
    operation("GET", "/api/v0/organizations/{org}/users", Kind::Named, None),
    operation(
        "POST",
        "/api/v0/organizations/{org}/users",
        Kind::Named,
        Some((JSON, r#"{"kind": "service", "name": "A new one", "role": "customer"}"#)),
    ),
    operation("GET", "/api/v0/users/{user}", Kind::Named, None),
    operation("PATCH", "/api/v0/users/{user}", Kind::Named, Some((JSON, r#"{"name": "Renamed"}"#))),
    operation("DELETE", "/api/v0/users/{user}", Kind::Named, None),
    operation("GET", "/api/v0/users/{user}/api-keys", Kind::Named, None),
    operation("POST", "/api/v0/users/{user}/api-keys", Kind::Named, Some((JSON, r#"{"name": "another"}"#))),
    operation("GET", "/api/v0/api-keys", Kind::Whole, None),
    operation("GET", "/api/v0/api-keys/{api_key}", Kind::Named, None),
    operation("PATCH", "/api/v0/api-keys/{api_key}", Kind::Named, Some((JSON, r#"{"name": "Renamed"}"#))),
    operation(
        "POST",
        "/api/v0/api-keys/{api_key}/rotate",
        Kind::Named,
        Some((JSON, r#"{"overlap_seconds": 60}"#)),
    ),
    operation("DELETE", "/api/v0/api-keys/{api_key}", Kind::Named, None),
    operation("GET", "/api/v0/workflows", Kind::Whole, None),
    operation("POST", "/api/v0/workflows/validate", Kind::Whole, Some(("application/yaml", QUOTE))),
    operation("GET", "/api/v0/workflows/{workflow}", Kind::Named, None),
    operation("POST", "/api/v0/workflows/{workflow}/executions", Kind::Named, Some((JSON, "{}"))),
    operation("GET", "/api/v0/workflows/{workflow}/revisions", Kind::Named, None),
    operation("GET", "/api/v0/workflows/{workflow}/revisions/{revision}", Kind::Named, None),
    operation("DELETE", "/api/v0/workflows/{workflow}", Kind::Named, None),
    operation("PUT", "/api/v0/workflows/{workflow}", Kind::Makes, Some(("application/yaml", QUOTE))),
    operation("GET", "/api/v0/executions", Kind::Whole, None),
    operation(
        "POST",
        "/api/v0/executions",
        Kind::Whole,
        Some((JSON, r#"{"workflow_type": "Order", "task_queue": "orders"}"#)),
    ),
    operation("GET", "/api/v0/executions/{execution}", Kind::Named, None),
    operation("GET", "/api/v0/executions/{execution}/tasks", Kind::Named, None),
    operation("GET", "/api/v0/executions/{execution}/history", Kind::Named, None),
    operation("GET", "/api/v0/executions/{execution}/events", Kind::Named, None),
    operation("POST", "/api/v0/executions/{execution}/cancel", Kind::Named, None),
    operation(
        "POST",
        "/api/v0/executions/{execution}/signal",
        Kind::Named,
        Some((JSON, r#"{"name": "approve"}"#)),
    ),
    operation(
        "POST",
        "/api/v0/executions/{execution}/terminate",
        Kind::Named,
        Some((JSON, r#"{"reason": "it went wrong"}"#)),
    ),
    operation("GET", "/api/v0/schedules", Kind::Whole, None),
    operation(
        "POST",
        "/api/v0/schedules",
        Kind::Whole,
        Some((JSON, r#"{"workflow": "quote", "spec": {"every_seconds": 31622400}, "paused": true}"#)),
    ),
    operation("GET", "/api/v0/schedules/{schedule}", Kind::Named, None),
    operation("GET", "/api/v0/schedules/{schedule}/upcoming", Kind::Named, None),
    operation("PATCH", "/api/v0/schedules/{schedule}", Kind::Named, Some((JSON, r#"{"note": "Renamed"}"#))),
    operation(
        "POST",
        "/api/v0/schedules/{schedule}/pause",
        Kind::Named,
        Some((JSON, r#"{"note": "a holiday"}"#)),
    ),
    operation("POST", "/api/v0/schedules/{schedule}/resume", Kind::Named, Some((JSON, "{}"))),
    operation("POST", "/api/v0/schedules/{schedule}/trigger", Kind::Named, None),
    operation(
        "POST",
        "/api/v0/schedules/{schedule}/backfill",
        Kind::Named,
        Some((JSON, r#"{"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"}"#)),
    ),
    operation("DELETE", "/api/v0/schedules/{schedule}", Kind::Named, None),
    operation("GET", "/api/v0/audit-log", Kind::Whole, None),
    operation("GET", "/api/v0/audit-log/verify", Kind::Whole, None),
];

impl Operation {
    /// Its path with these names.
    pub(crate) fn path(&self, names: &Names) -> String {
        self.route
            .replace("{org}", &names.org)
            .replace("{user}", &names.user)
            .replace("{api_key}", &names.api_key)
            .replace("{workflow}", &names.workflow)
            .replace("{revision}", "1")
            .replace("{execution}", &names.execution)
            .replace("{schedule}", &names.schedule)
    }

    /// Asks for it, with the request that is right.
    pub(crate) async fn ask(&self, caller: &Caller, names: &Names) -> Answer {
        self.ask_with(caller, names, self.body.map(|(_, body)| body)).await
    }

    /// Asks for it with another body.
    pub(crate) async fn ask_with(&self, caller: &Caller, names: &Names, body: Option<&str>) -> Answer {
        let content_type = self.body.map_or(JSON, |(content_type, _)| content_type);
        let method = Method::from_bytes(self.method.as_bytes()).expect("a method");
        caller.send(method, &self.path(names), body.map(|body| (content_type, body))).await
    }

    /// The body of the request that is right, with its type.
    pub(crate) fn body(&self) -> Option<(&'static str, &'static str)> {
        self.body
    }

    /// Whether it leaves no workflow behind.
    pub(crate) fn deletes_a_workflow(&self) -> bool {
        (self.method, self.route) == ("DELETE", "/api/v0/workflows/{workflow}")
    }

    /// Whether it takes a body.
    pub(crate) fn has_body(&self) -> bool {
        self.body.is_some()
    }
}

/// The operations that the API's document describes, as method and path.
pub(crate) fn documented() -> BTreeSet<(String, String)> {
    let paths = tenantry_api::document()["paths"].as_object().expect("paths");
    let of = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("operations").keys().map(|method| method.to_ascii_uppercase());
        methods.map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}
