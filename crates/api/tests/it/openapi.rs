//! The API's description of itself.

use std::{collections::BTreeSet, env, fs, path::Path};

use reqwest::Method;
use serde_json::{Value, json};
use tenantry_test_support::App;

use crate::{
    caller::{BASE, Caller},
    operations::{Names, OPERATIONS, documented},
};

/// Set, the copy of the document is written anew.
const RENEW: &str = "TENANTRY_WRITE_OPENAPI";

fn document() -> &'static Value {
    tenantry_api::document()
}

/// Every operation: its method, its path, and what the document says.
fn operations() -> impl Iterator<Item = (&'static String, &'static String, &'static Value)> {
    let paths = document()["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        item.as_object().expect("operations").iter().map(move |(method, operation)| (method, path, operation))
    })
}

#[test]
fn should_be_what_the_committed_copy_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/openapi.json");
    let current = format!("{:#}\n", document());
    if env::var_os(RENEW).is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        fs::write(&path, &current).expect("the copy is written");
    }
    let copy = fs::read_to_string(&path).unwrap_or_default();
    assert!(copy == current, "docs/api/openapi.json is not current: `make openapi` writes it anew");
}

#[tokio::test]
async fn should_serve_the_document_to_anyone_and_to_those_who_have_it_nothing() {
    let app = App::start().await;
    let anonymous = Caller::anonymous(&app);
    let answer = anonymous.get("/openapi.json").await;
    assert_eq!((answer.status, answer.json()), (200, document().clone()));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let tag = answer.header("etag").expect("a tag").to_owned();
    for tags in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
        let same = anonymous.with("if-none-match", &tags).get("/openapi.json").await;
        assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", Some(&*tag)), "{tags}");
    }
    let other = anonymous.with("if-none-match", "\"other\"").get("/openapi.json").await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn should_describe_what_is_served_and_nothing_else() {
    let app = App::start().await;
    let anonymous = Caller::anonymous(&app);
    let paths: BTreeSet<&str> = operations().map(|(_, path, _)| path.as_str()).collect();
    let mut served = BTreeSet::new();
    for path in paths {
        // The server itself says which methods a path has.
        let answer = anonymous.send(Method::TRACE, path, None).await;
        let allowed = answer.header("allow").unwrap_or_else(|| panic!("{path}: {answer:?}"));
        let methods = allowed.split(',').map(str::trim).filter(|method| *method != "HEAD");
        served.extend(methods.map(|method| (method.to_owned(), path.to_owned())));
    }
    assert_eq!(served, documented());
}

#[test]
fn should_describe_each_operation_for_people_and_for_programs() {
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations() {
        let text = |name: &str| operation[name].as_str().unwrap_or_default();
        assert!(ids.insert(text("operationId")), "{method} {path}: another has this operationId");
        let snake = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        assert!(text("operationId").bytes().all(snake), "{method} {path}");
        assert!(!text("summary").is_empty() && !text("summary").ends_with('.'), "{method} {path}");
        let tag = &operation["tags"][0];
        let tags = document()["tags"].as_array().expect("tags");
        assert!(tags.iter().any(|known| known["name"] == *tag && known["description"].is_string()), "{tag}");
        let asks = !operation["security"].as_array().expect("security").is_empty();
        assert_eq!(asks, path.starts_with(BASE) && !path.ends_with("openapi.json"), "{method} {path}");
        let answers = operation["responses"].as_object().expect("answers");
        assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
        for status in ["500", "503"] {
            assert!(answers.contains_key(status), "{method} {path} {status}");
        }
        if let Some(made) = answers.get("201") {
            assert!(made["headers"].get("Location").is_some(), "{method} {path} says not where it is");
        }
        if method != "get" && asks {
            let parameters = operation["parameters"].as_array().expect("parameters");
            let key = json!({"$ref": "#/components/parameters/Idempotency-Key"});
            assert!(parameters.contains(&key), "{method} {path} takes no Idempotency-Key");
        }
    }
}

#[test]
fn should_describe_each_field_with_an_example() {
    let shapes = document()["components"]["schemas"].as_object().expect("schemas");
    let mut lacking = Vec::new();
    for (name, shape) in shapes {
        if shape["description"].as_str().unwrap_or_default().is_empty() {
            lacking.push(format!("{name} has no description"));
        }
        look(name, shape, &mut lacking);
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
}

/// Notes what the fields of a shape lack.
fn look(name: &str, shape: &Value, lacking: &mut Vec<String>) {
    for part in shape["allOf"].as_array().into_iter().flatten() {
        look(name, part, lacking);
    }
    for (field, shape) in shape["properties"].as_object().into_iter().flatten() {
        let name = format!("{name}.{field}");
        let is_null = shape["type"] == "null";
        if shape["description"].is_null() && shape["$ref"].is_null() && !is_null {
            lacking.push(format!("{name} has no description"));
        }
        if !has_example(shape) && !is_null {
            lacking.push(format!("{name} has no example"));
        }
        look(&name, shape, lacking);
    }
}

/// Whether it, or what it is made of, has an example, or fields which have.
fn has_example(shape: &Value) -> bool {
    let parts = ["oneOf", "anyOf", "allOf"].iter().filter_map(|key| shape[key].as_array()).flatten();
    let referred =
        shape["$ref"].as_str().and_then(|reference| document().pointer(reference.trim_start_matches('#')));
    let inside = parts.chain(referred).chain(shape.get("items"));
    ["example", "examples", "enum", "properties"].iter().any(|key| shape.get(key).is_some())
        || shape["type"] == "boolean"
        || inside.into_iter().any(has_example)
}

#[tokio::test]
async fn should_refuse_parameters_and_fields_that_are_not_described() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await.inside("system");
    for operation in OPERATIONS.iter().filter(|operation| operation.route.starts_with(BASE)) {
        if operation.route.ends_with("openapi.json") {
            continue;
        }
        let names = Names { org: "system".to_owned(), ..Names::missing() };
        let path = format!("{}?odd=1&limits=2", operation.path(&names));
        let method = Method::from_bytes(operation.method.as_bytes()).expect("a method");
        let answer = admin.send(method.clone(), &path, operation.body()).await;
        // What is in the path may be missing; what is wrong with the request is said before.
        assert_eq!(answer.wrong_fields(422, "invalid"), ["limits", "odd"], "{operation:?}");
        if operation.body().is_some_and(|(content_type, _)| content_type == "application/json") {
            let body = json!({"odd": 1}).to_string();
            let answer = admin.send(method, &operation.path(&names), Some(("application/json", &body))).await;
            let said = answer.wrong_fields(422, "invalid");
            assert!(
                said.iter().any(|field| field.is_empty() || field.contains("odd")),
                "{operation:?}: {said:?}"
            );
            assert!(answer.text.contains("odd"), "{operation:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn should_refuse_bodies_of_other_types_and_too_large_ones() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await.inside("system");
    let names = Names { org: "system".to_owned(), ..Names::missing() };
    let too_large = "x".repeat((1 << 20) + 1);
    for operation in OPERATIONS.iter().filter(|operation| operation.has_body()) {
        let method = Method::from_bytes(operation.method.as_bytes()).expect("a method");
        let path = operation.path(&names);
        for other in ["image/png", "application/x-www-form-urlencoded", "text/html"] {
            let answer = admin.send(method.clone(), &path, Some((other, "{}"))).await;
            answer.problem(415, "unsupported_media_type");
        }
        let answer = admin.send(method, &path, Some(("application/json", &too_large))).await;
        answer.problem(413, "payload_too_large");
    }
}

#[tokio::test]
async fn should_answer_head_as_get_without_a_body_everywhere() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await.inside("system");
    let names = Names { org: "system".to_owned(), user: admin.user.clone(), ..Names::missing() };
    for operation in OPERATIONS.iter().filter(|operation| operation.method == "GET") {
        let get = operation.ask(&admin, &names).await;
        let head = admin.send(Method::HEAD, &operation.path(&names), None).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{operation:?}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{operation:?}");
        assert_eq!(head.header("etag"), get.header("etag"), "{operation:?}");
    }
}

#[tokio::test]
async fn should_serve_a_page_that_needs_nothing_but_its_stylesheet() {
    let app = App::start().await;
    let anonymous = Caller::anonymous(&app);
    let page = anonymous.send(Method::GET, "/docs", None).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    for other in ["<script", " style=", " onclick", "http://", "src="] {
        assert!(!page.text.contains(other), "{other} is in the page");
    }
    let style = anonymous.send(Method::GET, "/docs/style.css", None).await;
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert!(page.text.contains("href=\"/docs/style.css\"") && !style.text.contains("url("));
    for (_, path, operation) in operations() {
        let id = operation["operationId"].as_str().expect("an id");
        assert!(page.text.contains(&format!("<article id=\"{id}\">")), "{id}");
        assert!(page.text.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for name in document()["components"]["schemas"].as_object().expect("schemas").keys() {
        assert!(page.text.contains(&format!("<article id=\"shape-{name}\">")), "{name}");
    }
}

#[tokio::test]
async fn should_make_no_answer_shorter_twice() {
    let app = App::start().await;
    let anonymous = Caller::anonymous(&app);
    let whole = anonymous.get("/openapi.json").await;
    for (accepted, encoding) in [
        ("gzip", Some("gzip")),
        ("br, gzip;q=0.5", Some("gzip")),
        ("gzip;q=0", None),
        ("br", None),
        ("identity", None),
    ] {
        let answer = anonymous.with("accept-encoding", accepted).get("/openapi.json").await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, encoding), "{accepted}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        let is_short = answer.text.len() < whole.text.len() / 2;
        assert_eq!(is_short, encoding.is_some(), "{accepted}: {}", answer.text.len());
    }
}
