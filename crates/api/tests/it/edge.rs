//! What every request meets on its way in and out.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::json;
use tenantry_domain::Secret;
use tenantry_test_support::App;

use crate::{
    caller::{Answer, BASE, Caller},
    operations::{Names, OPERATIONS},
    tenant::Tenant,
};

async fn admin() -> (App, Caller) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    (app, admin)
}

#[tokio::test]
async fn should_name_each_request_as_its_sender_did() {
    let (_app, admin) = admin().await;
    for path in ["/me", "/nothing", "/users/usr_1"] {
        let echoed = admin.with("x-request-id", "req-42/a").get(path).await;
        assert_eq!(echoed.header("x-request-id"), Some("req-42/a"));
    }
    let longest = "x".repeat(128);
    assert_eq!(admin.with("x-request-id", &longest).get("/me").await.header("x-request-id"), Some(&*longest));
    let secret = Secret::generate().expect("randomness");
    let mut made = Vec::new();
    for unfit in
        [None, None, Some(""), Some("two words"), Some(&*"x".repeat(129)), Some(secret.reveal()), Some("é")]
    {
        let caller = unfit.map_or_else(|| admin.clone(), |id| admin.with("x-request-id", id));
        let answer = caller.get("/nothing").await;
        answer.problem(404, "not_found");
        made.push(answer.header("x-request-id").expect("an id").to_owned());
    }
    assert!(made.iter().all(|id| id.len() == 36), "{made:?}");
    // Nor does one tell what the next will be, and so how many there were in between.
    for part in [0..8, 24..36] {
        let parts: HashSet<_> = made.iter().map(|id| &id[part.clone()]).collect();
        assert_eq!(parts.len(), made.len(), "each is new: {made:?}");
    }
}

#[tokio::test]
async fn should_answer_a_path_that_is_not_there_with_a_problem() {
    let (_app, admin) = admin().await;
    for path in [
        "/",
        "/nothing",
        "/api",
        "/api/v0",
        "/api/v0/",
        "/api/v0/me/",
        "/api/v1/me",
        "/api/v0/%2e%2e/healthz",
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = admin.send(method, path, None).await;
            let problem = answer.problem(404, "not_found");
            assert_eq!((&problem["type"], &problem["title"]), (&json!("about:blank"), &json!("Not found")));
        }
    }
}

#[tokio::test]
async fn should_say_which_methods_a_path_has() {
    let (_app, admin) = admin().await;
    for operation in OPERATIONS {
        let path = operation.path(&Names::missing());
        let answer = admin.send(Method::TRACE, &path, None).await;
        answer.problem(405, "method_not_allowed");
        let options = admin.send(Method::OPTIONS, &path, None).await;
        assert_eq!((options.status, options.header("allow")), (204, answer.header("allow")));
        let allowed = answer.header("allow").unwrap_or_else(|| panic!("{answer:?}"));
        assert!(
            allowed.split(',').any(|method| method.trim() == operation.method),
            "{operation:?}: {allowed}"
        );
    }
}

#[tokio::test]
async fn should_compress_long_answers_for_those_who_accept_it() {
    let (_app, admin) = admin().await;
    for number in 0..20 {
        let body = json!({"slug": format!("tenant-{number}"), "name": "One of many"});
        admin.post("/organizations", &body).await.data(201);
    }
    let whole = admin.get("/organizations").await;
    assert_eq!((whole.header("content-encoding"), whole.header("vary")), (None, Some("accept-encoding")));
    for encoding in ["gzip", "br"] {
        let shortened = admin.with("accept-encoding", encoding).get("/organizations").await;
        assert_eq!((shortened.status, shortened.header("content-encoding")), (200, Some(encoding)));
        // What is no text counts thrice here.
        assert!(shortened.text.len() < whole.text.len(), "{encoding}: {}", shortened.text.len());
    }
    let short = admin.with("accept-encoding", "gzip").get("/me").await;
    assert_eq!(short.header("content-encoding"), None);
}

#[tokio::test]
async fn should_name_the_place_where_json_cannot_be_read() {
    let (_app, admin) = admin().await;
    for (body, line, column) in [
        ("", 1, 0),
        ("{", 1, 1),
        ("{\"slug\": \"a\",\n \"name\" 5}", 2, 9),
        ("{} {}", 1, 4),
        ("{'slug'}", 1, 2),
    ] {
        let problem = admin.post_text("/organizations", body).await.problem(400, "malformed");
        let error = &problem["errors"][0];
        assert_eq!((&error["line"], &error["column"]), (&json!(line), &json!(column)), "{problem}");
        assert!(!problem.to_string().contains("slug\\\""), "the body is not repeated: {problem}");
    }
    let deep = format!("{{\"name\": {}1{}}}", "[".repeat(500), "]".repeat(500));
    let answer = admin.post_text("/organizations", &deep).await;
    assert!(matches!(answer.status, 400 | 422), "{answer:?}");
}

#[tokio::test]
async fn should_take_json_under_its_own_names_only() {
    let (_app, admin) = admin().await;
    let body = r#"{"slug": "x", "name": "X"}"#;
    let post = |content_type: &'static str| {
        admin.send(Method::POST, "/api/v0/organizations", Some((content_type, body)))
    };
    for other in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "json", ""] {
        post(other).await.problem(415, "unsupported_media_type");
    }
    for ours in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
        assert_eq!(post(ours).await.wrong_fields(422, "invalid"), ["slug"], "{ours}");
    }
    admin.send(Method::POST, "/api/v0/organizations", None).await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn should_refuse_a_body_that_is_too_large() {
    let (app, admin) = admin().await;
    let acme = Tenant::new(&admin, "acme").await;
    let size = |length| "x".repeat(length);
    let too_large = (1 << 20) + 1;
    acme.manager.put("/workflows/quote", &size(too_large)).await.problem(413, "payload_too_large");
    admin.post_text("/organizations", &size(too_large)).await.problem(413, "payload_too_large");
    admin.post_text("/organizations", &size(1 << 20)).await.problem(400, "malformed");
    let anonymous = Caller::anonymous(&app);
    // What nobody sends, nobody reads.
    anonymous.post_text("/organizations", &size(too_large)).await.problem(401, "unauthenticated");
    anonymous.post_text("/organizations", &size(1 << 20)).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn should_name_each_parameter_that_is_wrong() {
    let (_app, admin) = admin().await;
    let admin = admin.inside("system");
    let lists = ["/organizations", "/organizations/system/users", "/workflows", "/executions"];
    let keys = format!("/users/{}/api-keys", admin.user);
    for list in lists.into_iter().chain([keys.as_str()]) {
        for (query, fields) in [
            ("limit=0", &["limit"][..]),
            ("limit=201", &["limit"]),
            ("limit=-1", &["limit"]),
            ("limit=ten", &["limit"]),
            ("limit=", &["limit"]),
            ("cursor=x", &["cursor"]),
            ("cursor=aud_01h455vb4pex5vsknk084sn02q", &["cursor"]),
            ("page=2", &["page"]),
            ("limit=1&limit=2", &["limit"]),
            ("limit=0&cursor=x&offset=3", &["limit", "cursor", "offset"]),
        ] {
            let answer = admin.get(&format!("{list}?{query}")).await;
            assert_eq!(answer.wrong_fields(422, "invalid"), fields, "{list}?{query}");
        }
        for query in ["limit=1", "limit=200", ""] {
            admin.get(&format!("{list}?{query}")).await.data(200);
        }
    }
    let answer = admin
        .get("/executions?workflow=A&status=done&started_after=now&started_before=2000-01-01%2000:00:00")
        .await;
    let fields = ["workflow", "status", "started_after", "started_before"];
    assert_eq!(answer.wrong_fields(422, "invalid"), fields);
}

#[tokio::test]
async fn should_answer_head_as_get_without_the_body() {
    let (_app, admin) = admin().await;
    let answer: Answer = admin.send(Method::HEAD, &format!("{BASE}/me"), None).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
}

#[tokio::test]
async fn should_never_fail_inside_whatever_is_asked() {
    let (_app, admin) = admin().await;
    let admin = admin.inside("system");
    let odd = ["%00", "%F0%9F%A6%80", "%C3%28", "..%2f..", "'%20or%201=1--", "%25s", &"x".repeat(5_000)];
    for operation in OPERATIONS {
        for odd in odd {
            let word = || odd.to_owned();
            let names = Names {
                org: word(),
                user: word(),
                api_key: word(),
                workflow: word(),
                execution: word(),
                schedule: word(),
            };
            let path = format!("{}?{odd}={odd}", operation.path(&names));
            let method = Method::from_bytes(operation.method.as_bytes()).expect("a method");
            for body in ["", "null", "[]", "{\"name\": \"\\u0000\", \"role\": {}, \"input\": \"\\ud800\"}"] {
                let answer = admin.send(method.clone(), &path, Some(("application/json", body))).await;
                assert!(answer.status < 500, "{method} {path} {body}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn should_tell_browsers_to_do_nothing_with_any_answer() {
    let (app, admin) = admin().await;
    let answers = [
        admin.get("/me").await,
        admin.get("/nothing").await,
        admin.delete("/me").await,
        admin.post("/organizations", &json!({})).await,
        Caller::anonymous(&app).get("/me").await,
        admin.post_text("/organizations", &"x".repeat((1 << 20) + 1)).await,
        admin.send(Method::GET, "/healthz", None).await,
        admin.send(Method::GET, "/nothing", None).await,
        admin.send(Method::OPTIONS, "/metrics", None).await,
    ];
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 404, 405, 422, 401, 413, 200, 404, 204]);
    for answer in answers {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}: {answer:?}");
        }
        assert_eq!(answer.header("strict-transport-security"), None, "TLS is the proxy's");
    }
}
