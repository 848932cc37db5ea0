//! What the stand-in server answers, in the contract's shapes.

use serde_json::{Value, json};

use crate::stand_in::Answer;

pub(crate) const AT: &str = "2026-01-31T12:00:00Z";

pub(crate) fn data(value: &Value) -> Answer {
    Answer::new(200, json!({ "data": value }))
}

pub(crate) fn problem(status: u16, code: &str, detail: &str, errors: &Value) -> Answer {
    let body = json!({
        "type": "about:blank", "title": "A problem", "status": status, "detail": detail, "code": code,
        "request_id": "req-1", "errors": errors,
    });
    Answer::new(status, body)
}

pub(crate) fn unavailable() -> Answer {
    problem(503, "unavailable", "the database does not answer", &json!([]))
}

pub(crate) fn organization(status: &str) -> Value {
    json!({
        "id": "org_1", "slug": "acme", "name": "Acme", "status": status, "status_reason": null, "namespace": "acme-1",
        "created_at": AT, "updated_at": AT,
    })
}

pub(crate) fn me() -> Value {
    let user = json!({
        "id": "usr_me", "organization_id": "org_1", "kind": "human", "email": "ada@example.com", "name": "Ada",
        "role": "manager", "status": "active", "created_at": AT,
    });
    let mut key = key();
    key["user_id"] = json!("usr_me");
    json!({
        "user": user, "organization": organization("active"), "role": "manager",
        "permissions": ["workflow.read", "workflow.write"], "api_key": key,
    })
}

pub(crate) fn key() -> Value {
    json!({
        "id": "key_1", "user_id": "usr_1", "name": "laptop", "prefix": "tn_abcd", "last_four": "wxyz",
        "created_at": AT, "expires_at": null, "last_used_at": null, "revoked_at": null,
    })
}

pub(crate) fn workflow(revision: i32) -> Value {
    json!({
        "name": "quote", "revision": revision, "document_version": "1.0.0", "digest": "ab", "definition": {"do": []},
        "created_at": AT, "created_by": "usr_me",
    })
}

pub(crate) fn execution(status: &str) -> Value {
    json!({
        "id": "exe_1", "workflow": "quote", "revision": 1, "workflow_id": "exe_1", "run_id": "r", "status": status,
        "input": {"amount": 3}, "output": null, "error": null, "started_at": AT, "ended_at": null, "started_by": "usr_me",
    })
}
