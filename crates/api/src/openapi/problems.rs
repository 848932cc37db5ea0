//! Answers that are errors.

use serde_json::{Map, Value, json};

use crate::problem::Code;

/// The answer with one of these codes, which all have one status, and what it is called.
pub(super) fn answer(codes: &[Code]) -> (String, Value) {
    let words: Vec<&str> = codes.iter().map(|code| code.word()).collect();
    let meanings: Vec<String> =
        codes.iter().map(|code| format!("`{}`: {}.", code.word(), code.title())).collect();
    let only = json!({"type": "object", "properties": {"code": {"enum": words}}});
    let schema = json!({"allOf": [{"$ref": "#/components/schemas/Problem"}, only]});
    let answer = json!({
        "description": meanings.join(" "),
        "headers": headers(codes),
        "content": {"application/problem+json": {"schema": schema}},
    });
    (words.join("-"), answer)
}

fn headers(codes: &[Code]) -> Value {
    let mut names = vec!["X-Request-Id"];
    if codes.iter().any(|code| matches!(code, Code::RateLimited | Code::QuotaExceeded | Code::Unavailable)) {
        names.push("Retry-After");
    }
    if codes.contains(&Code::Unauthenticated) {
        names.push("WWW-Authenticate");
    } else {
        names.extend(["RateLimit", "RateLimit-Policy"]);
    }
    let references = names
        .into_iter()
        .map(|name| (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")})));
    references.collect::<Map<_, _>>().into()
}
