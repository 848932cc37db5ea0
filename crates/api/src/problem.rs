//! What goes wrong, as RFC 9457 problem details: the one place where services' errors become HTTP.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tenantry_domain::{Invalid, OrganizationStatus, Quota, Slug, chain, quota::Exceeded};
use tenantry_services::{
    Error,
    rate_limits::{Limited, Standing},
};

use crate::{rate_limit, streams::Holder};

/// The kinds of problems. Their words are stable: users' programs tell problems apart by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    Malformed,
    Unauthenticated,
    Forbidden,
    OrganizationSuspended,
    NotFound,
    MethodNotAllowed,
    Conflict,
    OrganizationNotReady,
    PreconditionFailed,
    PayloadTooLarge,
    UnsupportedMediaType,
    Invalid,
    Internal,
    QuotaExceeded,
    RateLimited,
    Unavailable,
}

impl Code {
    /// Every one of them.
    pub(crate) const ALL: [Self; 16] = [
        Self::Malformed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::OrganizationSuspended,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::OrganizationNotReady,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::Internal,
        Self::QuotaExceeded,
        Self::RateLimited,
        Self::Unavailable,
    ];

    /// The word for it.
    pub(crate) const fn word(self) -> &'static str {
        self.parts().0
    }

    /// The status of answers with it.
    pub(crate) const fn status(self) -> StatusCode {
        self.parts().1
    }

    /// What it means, for people.
    pub(crate) const fn title(self) -> &'static str {
        self.parts().2
    }

    const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "The request cannot be read"),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, "No valid API key"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Not allowed"),
            Self::OrganizationSuspended => {
                ("organization_suspended", StatusCode::FORBIDDEN, "The organization is suspended")
            }
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => {
                ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "The path has no such method")
            }
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "A conflict with what is there"),
            Self::OrganizationNotReady => {
                ("organization_not_ready", StatusCode::CONFLICT, "The organization is not ready")
            }
            Self::PreconditionFailed => {
                ("precondition_failed", StatusCode::PRECONDITION_FAILED, "It is not as expected")
            }
            Self::PayloadTooLarge => {
                ("payload_too_large", StatusCode::PAYLOAD_TOO_LARGE, "The request is too large")
            }
            Self::UnsupportedMediaType => {
                ("unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "Not this content type")
            }
            Self::Invalid => ("invalid", StatusCode::UNPROCESSABLE_ENTITY, "Some fields are invalid"),
            Self::RateLimited => ("rate_limited", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::QuotaExceeded => {
                ("quota_exceeded", StatusCode::TOO_MANY_REQUESTS, "A quota of the organization is used up")
            }
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "An internal error"),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable"),
        }
    }

    /// The kind that a bare status stands for, when axum or a layer refused the request before any handler saw it.
    pub(crate) fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::PayloadTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::Malformed,
            _ => Self::Internal,
        }
    }
}

/// An answer that is an error.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    errors: Vec<Value>,
    members: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_soon =
            matches!(code, Code::Unavailable).then(|| (header::RETRY_AFTER, HeaderValue::from_static("1")));
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            members: Vec::new(),
            headers: retry_soon.into_iter().collect(),
        }
    }

    /// For any credential that is not good, whatever is wrong with it.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "send an API key that is valid now: Authorization: Bearer <api key>";
        let challenge = (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Self { headers: vec![challenge], ..Self::new(Code::Unauthenticated, detail) }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    pub(crate) fn invalid(fields: &[Invalid]) -> Self {
        let errors = fields
            .iter()
            .map(|invalid| json!({"field": invalid.field, "message": invalid.message}))
            .collect();
        Self { errors, ..Self::new(Code::Invalid, "see errors for each field and what was expected of it") }
    }

    /// A body that is not even of its own format, with the place where it stops making sense.
    pub(crate) fn malformed(message: &str, line: usize, column: usize) -> Self {
        let detail = format!("{message}, at line {line}, column {column}");
        let errors = vec![json!({"field": "", "message": message, "line": line, "column": column})];
        Self { errors, ..Self::new(Code::Malformed, detail) }
    }

    /// A fault of ours, whose cause goes to the log and nowhere else.
    pub(crate) fn internal(cause: &str) -> Self {
        tracing::error!(error = cause, "an internal error");
        Self::new(Code::Internal, "the operator finds the cause in the log, by request_id")
    }

    /// Which quota, how much there may be and how much there is.
    fn quota_exceeded(exceeded: Exceeded) -> Self {
        let Exceeded { quota, limit, used } = exceeded;
        let members = vec![("quota", json!(quota)), ("limit", json!(limit)), ("used", json!(used))];
        let mut problem = Self { members, ..Self::new(Code::QuotaExceeded, exceeded.to_string()) };
        if quota == Quota::StartsPerSecond {
            problem.headers.push((header::RETRY_AFTER, HeaderValue::from_static("1")));
        }
        problem
    }

    /// Which limit was reached, and when there is room again.
    fn rate_limited(Limited { standing, retry_after }: Limited) -> Self {
        let whose = match standing {
            None => "too many credentials that are not valid came from this address",
            Some(Standing { organization: None, .. }) => "the API key's own limit is reached",
            Some(_) => "the limit of all the organization's API keys together is reached",
        };
        let mut headers = HeaderMap::new();
        if let Some(standing) = standing {
            rate_limit::write(&standing, &mut headers);
        }
        headers.insert(header::RETRY_AFTER, rate_limit::seconds(retry_after).max(1).into());
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name?, value))).collect();
        Self { headers, ..Self::new(Code::RateLimited, format!("{whose}; wait as Retry-After says")) }
    }

    /// Whoever holds streams has as many open as they may.
    pub(crate) fn too_many_streams(holder: Holder, most: usize) -> Self {
        let holder = match holder {
            Holder::Organization(_) => "organization",
            Holder::ApiKey(_) => "API key",
        };
        let detail = format!(
            "the {holder} has {most} streams of events open on this node, as many as it may; close one, or ask again and again"
        );
        let headers = vec![(header::RETRY_AFTER, HeaderValue::from_static("5"))];
        Self { headers, ..Self::new(Code::RateLimited, detail) }
    }

    /// With the organization that stands in the way.
    pub(crate) fn of_organization(mut self, slug: &Slug) -> Self {
        self.members.push(("organization", json!(slug)));
        self
    }

    /// Its kind.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// The body, once the request's id is known.
    pub(crate) fn body(&self, request_id: &str) -> Value {
        let (code, status, title) = self.code.parts();
        let mut body = json!({
            "type": "about:blank", "title": title, "status": status.as_u16(), "detail": self.detail,
            "code": code, "request_id": request_id,
        });
        if !self.errors.is_empty() {
            body["errors"] = self.errors.clone().into();
        }
        for (name, value) in &self.members {
            body[name] = value.clone();
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let (_, status, _) = self.code.parts();
        let mut response = status.into_response();
        response.headers_mut().extend(self.headers.drain(..));
        // The edge writes the body: only there the request's id is known.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(what) => Self::not_found(what),
            forgotten @ Error::Forgotten { .. } => Self::new(Code::NotFound, forgotten.to_string()),
            Error::Unauthenticated => Self::unauthenticated(),
            Error::Forbidden(why) => Self::new(Code::Forbidden, why),
            Error::Invalid(fields) => Self::invalid(&fields),
            Error::Definition(error) => definition(&error),
            Error::Stale(stale) => Self::new(
                Code::PreconditionFailed,
                format!("{stale}: read it again and decide anew (If-Match)"),
            ),
            Error::Conflict(why) => Self::new(Code::Conflict, why),
            Error::QuotaExceeded(exceeded) => Self::quota_exceeded(exceeded),
            Error::RateLimited(limited) => Self::rate_limited(limited),
            Error::OrganizationNot(OrganizationStatus::Suspended) => Self::new(
                Code::OrganizationSuspended,
                "the organization is suspended; an admin can resume it",
            ),
            Error::OrganizationNot(status) => {
                Self::new(Code::OrganizationNotReady, format!("the organization is {status}"))
            }
            Error::Unavailable(cause) => {
                tracing::warn!(error = chain(cause.as_ref()), "a part is not available");
                Self::new(Code::Unavailable, "a part of the deployment is not available; try again soon")
            }
            Error::Internal(cause) => Self::internal(&chain(cause.as_ref())),
        }
    }
}

fn definition(error: &tenantry_dsl::Error) -> Problem {
    match error {
        tenantry_dsl::Error::Malformed(problem) => {
            Problem::malformed(&problem.message, problem.line, problem.column)
        }
        tenantry_dsl::Error::Invalid(problems) => {
            let errors = problems.iter().map(with_field).collect();
            Problem { errors, ..Problem::new(Code::Invalid, "the definition cannot be run; see errors") }
        }
    }
}

/// A definition's problem, which names its field twice: as problems of definitions do and as those of every body do.
fn with_field(problem: &tenantry_dsl::Problem) -> Value {
    let mut value = json!(problem);
    value["field"] = json!(problem.path);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_have_the_codes_of_the_documentation() {
        let page = include_str!("../../../docs/api/multi-tenant.md");
        let (_, table) = page.split_once("| code | status | when |\n|---|---|---|\n").expect("a table");
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        let mut documented: Vec<&str> = rows.map(|row| row.rsplit_once(" | ").expect("cells").0).collect();
        let rows = Code::ALL.map(|code| {
            let (word, status, _) = code.parts();
            format!("| `{word}` | {}", status.as_u16())
        });
        let mut known: Vec<&str> = rows.iter().map(String::as_str).collect();
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(documented, known);
    }
}
