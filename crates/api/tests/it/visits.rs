//! What the log says of each request.

use reqwest::Method;
use serde_json::json;
use sqlx::Connection as _;
use tenantry_api::Settings;
use tenantry_test_support::{App, eventually};

use crate::{caller::Caller, log::Log, tenant::Tenant, wire::Wire};

/// The one line that a request with this id left.
fn line(log: &Log, id: &str) -> String {
    let text = log.text();
    let mut lines = text.lines().filter(|line| line.contains(" request method=") && line.contains(id));
    let line = lines.next().unwrap_or_else(|| panic!("no line for {id}: {text}"));
    assert_eq!(lines.next(), None, "one line for {id}");
    line.to_owned()
}

#[tokio::test]
async fn should_say_what_was_asked_by_whom_and_what_came_of_it() {
    let log = Log::listen();
    let settings =
        Settings { trusted_proxies: "127.0.0.1/32".parse().expect("networks"), ..Settings::default() };
    let app = App::start_as(settings).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    let check = |id: &str, expected: &[&str], unexpected: &[&str]| {
        let line = line(&log, id);
        for expected in expected {
            assert!(line.contains(&format!(" {expected}")), "{expected}: {line}");
        }
        for unexpected in unexpected {
            assert!(!line.contains(unexpected), "{unexpected}: {line}");
        }
    };

    let customer = acme.customer.with("x-forwarded-for", "203.0.113.9");
    let path = format!("/users/{}?token=tn_in_the_query", acme.manager.user);
    customer.with("x-request-id", "a-user").get(&path).await.problem(422, "invalid");
    let who = [
        format!("organization=\"{}\"", acme.id),
        format!("user=\"{}\"", acme.customer.user),
        format!("api_key=\"{}\"", acme.customer.api_key),
    ];
    let who = who.each_ref().map(String::as_str);
    let asked = ["method=\"GET\"", "route=\"/api/v0/users/{user}\"", "source_address=203.0.113.9"];
    check("a-user", &asked, &["tn_", "token"]);
    check("a-user", &who, &[]);
    check("a-user", &["status=422", "outcome=\"invalid\"", "milliseconds="], &[]);

    customer.with("x-request-id", "a-denied").get("/audit-log").await.problem(403, "forbidden");
    check("a-denied", &[&who[..], &["status=403", "outcome=\"forbidden\""]].concat(), &[]);
    acme.manager.with("x-request-id", "all-well").get("/me").await.data(200);
    check("all-well", &["status=200", "outcome=\"ok\"", "source_address=127.0.0.1"], &[]);
    let anonymous = Caller::anonymous(&app);
    anonymous.with("x-request-id", "no-key").get("/me").await.problem(401, "unauthenticated");
    check("no-key", &["status=401", "outcome=\"unauthenticated\""], &["organization=", "user="]);
    anonymous.with("x-request-id", "no-path").get("/tn_in_the_path").await.problem(404, "not_found");
    check("no-path", &["route=\"unknown\"", "status=404"], &["tn_"]);
    let odd = Method::from_bytes(b"TN_IN_THE_METHOD").expect("a method");
    anonymous
        .with("x-request-id", "no-method")
        .send(odd, "/healthz", None)
        .await
        .problem(405, "method_not_allowed");
    check("no-method", &["method=\"other\"", "route=\"/healthz\"", "status=405"], &["TN_"]);
    admin.post("/organizations/acme/suspend", &json!({})).await.data(200);
    let at_rest = customer.with("x-request-id", "at-rest").get("/me").await;
    assert!(at_rest.headers.contains_key("ratelimit"), "{:?}", at_rest.headers);
    at_rest.problem(403, "organization_suspended");
    check("at-rest", &[&who[..], &["status=403", "outcome=\"organization_suspended\""]].concat(), &[]);
    let body = json!({"name": "tn_in_the_body", "slug": "!"});
    admin.with("x-request-id", "a-body").post("/organizations", &body).await.problem(422, "invalid");
    check("a-body", &["method=\"POST\"", "route=\"/api/v0/organizations\""], &["tn_"]);
    // Nor does any other line, of any crate at any level.
    assert!(!log.text().to_lowercase().contains("tn_in_the_"), "{}", log.text());
}

#[tokio::test]
async fn should_say_that_a_client_did_not_wait() {
    let log = Log::listen();
    let app = App::start().await;
    let mut owner = app.database.owner().await;
    let mut transaction = owner.begin().await.expect("a transaction");
    sqlx::raw_sql("lock table workflows").execute(&mut *transaction).await.expect("a lock");
    let mut wire = Wire::to(&app).await;
    let head = wire.get("/api/v0/workflows").trim_end().to_owned();
    wire.say(&format!(
        "{head}\r\nauthorization: Bearer {}\r\nx-request-id: impatient\r\n\r\n",
        app.admin_key
    ))
    .await;
    let anonymous = Caller::anonymous(&app);
    let metrics = async || anonymous.send(Method::GET, "/metrics", None).await.text;
    eventually("the request is in hand", || async {
        metrics().await.contains("{pool=\"application\",state=\"used\"} 1").then_some(())
    })
    .await;
    drop(wire);
    eventually("it is noted", || async { log.text().contains("outcome=\"abandoned\"").then_some(()) }).await;
    let line = line(&log, "impatient");
    assert!(line.contains("route=\"/api/v0/workflows\"") && line.contains("api_key=key_"), "{line}");
    assert!(!line.contains("status="), "{line}");
    let counted = r#"{method="GET",route="/api/v0/workflows",status="abandoned"} 1"#;
    assert!(metrics().await.contains(counted));
}
