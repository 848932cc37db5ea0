//! What all operations have in common.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::PartialSchema as _;

use super::values;
use crate::{once, problem::Code};

const DESCRIPTION: &str = "\
Organizations, their users and API keys, their workflows, executions and schedules.

A program sends an API key with each request, `Authorization: Bearer tn_…`. What the key's user may do, and the key's scopes allow, \
each operation says; what somebody may not see does not exist for them.

One thing comes as `{\"data\": {…}}`, a list as `{\"data\": […], \"next_cursor\": \"…\"}`, an error as problem details (RFC 9457) with a \
stable `code`. Parameters and fields that are not known are refused with their names. Times are RFC 3339, ids opaque texts.";

pub(super) fn info() -> Value {
    json!({
        "title": "Tenantry",
        "version": env!("CARGO_PKG_VERSION"),
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    })
}

pub(super) fn security() -> Value {
    json!({"api_key": {
        "type": "http", "scheme": "bearer", "bearerFormat": "tn_…",
        "description": "An API key. What stands beside it at an operation is the permission that it must have.",
    }})
}

pub(super) fn parameters() -> Value {
    let if_match = "Changes the thing only if it still is as one of these entity tags (the `ETag` of an answer) says, or, with `*`, only \
                    if it is there (RFC 9110, section 13.1.1).";
    json!({
        "Tenantry-Organization": {
            "name": "Tenantry-Organization", "in": "header",
            "description": "The organization to act in, by its slug or its id, for an admin. Anybody else can name their own alone.",
            "schema": {"type": "string", "examples": ["acme"]},
        },
        "Idempotency-Key": {
            "name": "Idempotency-Key", "in": "header",
            "description": "What the sender calls this request: sent again within 24 hours, it is answered as the first time and done once.",
            "schema": {
                "type": "string", "minLength": 1, "maxLength": once::NAME_LENGTH, "pattern": "^[!-~]([ -~]*[!-~])?$",
                "examples": ["8e03978e-40d5-43dd-bc93-6894a57f9324"],
            },
        },
        "If-Match": {
            "name": "If-Match", "in": "header", "description": if_match,
            "schema": {"type": "string", "examples": ["\"3b4f8a90c1d2e3f405162738495a6b7c\""]},
        },
        "If-None-Match": {
            "name": "If-None-Match", "in": "header",
            "description": "Entity tags that are known already: if one still holds, the answer is 304 (RFC 9110, section 13.1.2).",
            "schema": {"type": "string", "examples": ["\"3b4f8a90c1d2e3f405162738495a6b7c\""]},
        },
        "Last-Event-ID": {
            "name": "Last-Event-ID", "in": "header",
            "description": "The id of the last event that is known already: the stream goes on after it (WHATWG HTML, section 9.2.3).",
            "schema": {"type": "string", "pattern": "^(pending|running|ended|task-(0|[1-9][0-9]{0,17}))$", "examples": ["task-4"]},
        },
        "X-Request-Id": {
            "name": "X-Request-Id", "in": "header",
            "description": "What the sender calls this request in logs: the answer has the same. Without it, or with one that cannot stand in a log (1 to 128 visible characters of ASCII), it gets another.",
            "schema": {"type": "string", "examples": ["req-4711"]},
        },
    })
}

pub(super) fn headers() -> Value {
    let text = |description: &str, example: &str| json!({"description": description, "schema": {"type": "string", "examples": [example]}});
    let required = |mut header: Value| {
        header["required"] = true.into();
        header
    };
    json!({
        "X-Request-Id": required(text("The request's id: in the log, in the audit log and in problems.", "req-4711")),
        "RateLimit-Policy": text(
            "The limits of the caller: of the API key, of all the organization's keys together (draft-ietf-httpapi-ratelimit-headers-10).",
            "\"organization\";q=1000;w=1",
        ),
        "RateLimit": text("What is left of them, and when there is all of it again.", "\"organization\";r=999;t=1"),
        "Retry-After": json!({
            "description": "After how many seconds to try again.",
            "schema": {"type": "integer", "minimum": 1, "examples": [1]},
        }),
        "WWW-Authenticate": required(text("How to say who calls.", "Bearer")),
        "Location": required(text("Where the thing is.", "/api/v0/users/usr_01h455vb4pex5vsknk084sn02q")),
        "ETag": required(text(
            "What the thing is now (RFC 9110, section 8.8.3), for If-Match.",
            "\"3b4f8a90c1d2e3f405162738495a6b7c\"",
        )),
        "Idempotency-Replayed": json!({
            "description": "`true`: this is the answer to a request before, with the same Idempotency-Key.",
            "schema": {"type": "string", "enum": ["true"], "examples": ["true"]},
        }),
    })
}

/// The shapes, and that of errors with them.
pub(super) fn with_problem(mut schemas: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    schemas.insert("Problem".to_owned(), problem());
    schemas.insert("JsonPointer".to_owned(), json!(values::JsonPointer::schema()));
    schemas
}

fn problem() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.word()).collect();
    json!({
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "Always `about:blank`: the code tells what it is.", "examples": ["about:blank"]},
            "title": {"type": "string", "description": "What kind of thing went wrong, for people.", "examples": ["Some fields are invalid"]},
            "status": {"type": "integer", "format": "int32", "minimum": 400, "maximum": 599, "description": "The status of the answer.", "examples": [422]},
            "detail": {"type": "string", "description": "What went wrong this time, for people.", "examples": ["see errors for each field and what was expected of it"]},
            "code": {"type": "string", "enum": codes, "description": "What kind of thing went wrong, for programs; it never changes.", "examples": ["invalid"]},
            "request_id": {"type": "string", "minLength": 1, "maxLength": 128, "description": "The id of the request, for the operator's log.", "examples": ["req-4711"]},
            "errors": {
                "type": "array", "description": "Each thing that is wrong with the request.",
                "items": field_error(),
                "examples": [[{"field": "slug", "message": "is required"}]],
            },
            "organization": {"type": "string", "description": "The slug of the organization that is suspended.", "examples": ["acme"]},
            "quota": {"type": "string", "description": "The quota that is used up.", "examples": ["users"]},
            "limit": {"type": "integer", "format": "int64", "minimum": 0, "description": "How much it allows.", "examples": [100]},
            "used": {"type": "integer", "format": "int64", "minimum": 0, "description": "How much there is.", "examples": [100]},
        },
    })
}

fn field_error() -> Value {
    let place = |what: &str| json!({"type": "integer", "format": "int64", "minimum": 0, "description": format!("The {what} of the body, from 1."), "examples": [3]});
    json!({
        "type": "object",
        "required": ["field", "message"],
        "properties": {
            "field": {"type": "string", "description": "The field, the parameter or the header; of a definition, the JSON Pointer (RFC 6901); empty for the whole body.", "examples": ["slug"]},
            "message": {"type": "string", "description": "What was expected of it.", "examples": ["is required"]},
            "path": {"$ref": "#/components/schemas/JsonPointer"},
            "line": place("line"),
            "column": place("column"),
            "code": {"type": "string", "description": "What kind of mistake a definition has.", "examples": ["missing"]},
        },
    })
}
