//! What people and programs without a client send, right and wrong.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tenantry_test_support::eventually;

use crate::{
    first_minutes::definition,
    member::Member,
    rest::{Request, Response, send, send_as},
    running::Dev,
    stand_in::{Answer, StandIn},
    tenantry::Tenantry,
};

const MALFORMED: &str = "document: {dsl: 1.0.3\ndo: ]\n";

fn check_problem(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, &response.body["code"]), (status, &json!(code)), "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(response.body["status"], json!(status));
    assert_eq!(response.body["request_id"].as_str(), response.header("x-request-id"));
    for member in ["type", "title", "detail"] {
        assert!(response.body[member].is_string(), "{member}: {response:?}");
    }
}

async fn created(url: &str, key: &str, line: &str, body: &Value, status: u16) -> Value {
    let response = send(url, key, line, &body.to_string()).await;
    assert_eq!(response.status, status, "{line}: {response:?}");
    response.body["data"].clone()
}

#[tokio::test]
async fn should_serve_whoever_speaks_http() {
    let user = Tenantry::developer();
    let dev = Dev::start(&user).await;
    let (url, admin) = (dev.url(), dev.admin_key());
    let base = "/api/v0";
    created(url, admin, &format!("POST {base}/organizations"), &json!({"slug": "acme", "name": "Acme"}), 201)
        .await;
    let line = format!("GET {base}/organizations/acme");
    eventually("an active organization", async || {
        let organization = send(url, admin, &line, "").await.body;
        (organization["data"]["status"] == "active").then_some(())
    })
    .await;
    let user = json!({"name": "Ada", "email": "ada@acme.example", "role": "manager"});
    let user = created(url, admin, &format!("POST {base}/organizations/acme/users"), &user, 201).await;
    let line = format!("POST {base}/users/{}/api-keys", user["id"].as_str().expect("an id"));
    let key = created(url, admin, &line, &json!({"name": "laptop"}), 201).await;
    let key = key["secret"].as_str().expect("a secret");

    let service = StandIn::new([Answer::new(200, json!({"price": 4}))]).await;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/yaml")];
    let line = format!("PUT {base}/workflows/quote");
    let yaml = definition(&service.url);
    let workflow = send_as(url, &Request { line: &line, headers: &headers, body: &yaml }).await;
    assert_eq!((workflow.status, &workflow.body["data"]["revision"]), (201, &json!(1)));
    let input = json!({"input": {"item": "pen", "amount": 2}});
    let started = created(url, key, &format!("POST {base}/workflows/quote/executions"), &input, 202).await;
    let line = format!("GET {base}/executions/{}", started["id"].as_str().expect("an id"));
    let output = eventually("an output", async || {
        let execution = send(url, key, &line, "").await.body["data"].take();
        (execution["status"] == "completed").then(|| execution["output"].clone())
    })
    .await;
    assert_eq!(output, json!({"item": "pen", "total": 8}));

    refuses(url, admin, key).await;
    let broken = Request { line: "PUT /api/v0/workflows/quote", headers: &headers, body: MALFORMED };
    let malformed = send_as(url, &broken).await;
    check_problem(&malformed, 400, "malformed");
    assert_eq!(malformed.body["errors"][0]["line"], json!(2), "{malformed:?}");
    dev.stop(Signal::INT).await;
}

/// Problems, of every kind that a request can have.
async fn refuses(url: &str, admin: &str, key: &str) {
    for (line, who, body, status, code) in [
        ("GET /api/v0/me", "tn_wrong", "", 401, "unauthenticated"),
        ("GET /api/v0/organizations", key, "", 403, "forbidden"),
        ("GET /api/v0/nothing", key, "", 404, "not_found"),
        ("GET /api/v0/executions/nonsense", key, "", 404, "not_found"),
        ("DELETE /api/v0/me", key, "", 405, "method_not_allowed"),
        ("POST /api/v0/organizations", admin, "{", 400, "malformed"),
        ("POST /api/v0/organizations", admin, r#"{"slug": "acme", "name": "Acme"}"#, 409, "conflict"),
        ("POST /api/v0/organizations", admin, r#"{"slug": "A"}"#, 422, "invalid"),
        ("GET /api/v0/executions?limit=0", key, "", 422, "invalid"),
    ] {
        let response = send(url, who, line, body).await;
        check_problem(&response, status, code);
        let has_fields = matches!(status, 400 | 422);
        assert_eq!(response.body["errors"][0]["message"].is_string(), has_fields, "{response:?}");
    }
    let challenge = send_as(url, &Request { line: "GET /api/v0/me", headers: &[], body: "" }).await;
    check_problem(&challenge, 401, "unauthenticated");
    assert_eq!(challenge.header("www-authenticate"), Some("Bearer"));
    for line in ["GET /healthz", "GET /readyz"] {
        assert_eq!(send(url, "", line, "").await.status, 200, "{line}");
    }
}

#[tokio::test]
async fn should_say_what_is_wrong_with_a_command() {
    let user = Tenantry::developer();
    let dev = Dev::start(&user).await;
    let url = dev.url().to_owned();
    let ada = Member::of(&dev.admin(), &url, "acme").await;
    let left = Tenantry::with_key(&url, "tn_wrong").run(&["me"]).await;
    assert_eq!(left.status, Some(3));
    assert!(left.stderr.starts_with("error[unauthenticated]: "), "{}", left.stderr);
    assert!(left.stderr.contains("\nhint: ") && !left.stderr.contains("tn_wrong"), "{}", left.stderr);

    ada.tenantry.write("broken.yaml", 0o644, MALFORMED);
    for verb in ["apply", "validate"] {
        let left = ada.tenantry.run(&["workflow", verb, "broken.yaml"]).await;
        assert_eq!((left.status, left.stdout.as_str()), (Some(2), ""), "{}", left.stderr);
        assert!(left.stderr.starts_with("broken.yaml:2:3: "), "{}", left.stderr);
        let said = "\n 2 | do: ]\n   |   ^\nerror[invalid]: broken.yaml has a problem\n";
        assert!(left.stderr.ends_with(said), "{}", left.stderr);
    }
    for unknown in [["run", "absent"], ["execution", "get"], ["workflow", "get"]] {
        let name = if unknown[0] == "run" { vec![] } else { vec!["absent"] };
        let left = ada.tenantry.run(&[&unknown[..], &name].concat()).await;
        assert_eq!(left.status, Some(4), "{unknown:?}: {}", left.stderr);
        assert!(left.stderr.starts_with("error[not_found]: there is no such "), "{}", left.stderr);
    }

    dev.stop(Signal::INT).await;
    let began = std::time::Instant::now();
    let left = ada.tenantry.run(&["me"]).await;
    assert_eq!(left.status, Some(5));
    assert!(left.stderr.starts_with(&format!("error[unreachable]: cannot reach {url}")), "{}", left.stderr);
    assert!(began.elapsed() < Duration::from_secs(5));
}
