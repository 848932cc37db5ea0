//! `tenantry serve`, on a PostgreSQL and a Temporal that are there already; and what prepares the database for it.

use rustix::process::Signal;
use serde_json::{Value, json};
use tenantry_test_support::{Database, Link, PrivateTemporal, Servers};

use crate::{
    member::Member,
    rest::{Request, send, send_as},
    running::Running,
    stand_in::{Answer, StandIn, nobody},
    tenantry::{Left, Tenantry},
};

const CALL: &str = "
document: {dsl: 1.0.3, namespace: sales, name: call, version: 1.0.0}
do:
  - fetch:
      call: http
      with: {method: get, endpoint: '{service}/'}
";

const BRIEF: &str = "
document: {dsl: 1.0.3, namespace: sales, name: brief, version: 1.0.0}
do:
  - answer:
      set: {number: '${ .number }'}
";

/// Who runs the server on this database.
pub(crate) fn operator(database_url: &str) -> Tenantry {
    let temporal = &Servers::get().temporal_address;
    Tenantry::nobody()
        .with("DATABASE_URL", database_url)
        .with("TEMPORAL_ADDRESS", temporal)
        .with("TENANTRY_HTTP_ADDR", "127.0.0.1:0")
}

/// Starts the server, and gives its URL once it serves.
pub(crate) async fn serve(operator: &Tenantry, more: &[&str]) -> (Running, String) {
    let mut running = Running::start(operator, &[&["serve"], more].concat());
    let url = running.said("an address", serving_at).await;
    (running, url)
}

/// Where the server says it serves, in a line of JSON.
fn serving_at(log: &str) -> Option<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "serving").find_map(|line| Some(line["url"].as_str()?.to_owned()))
}

#[tokio::test]
async fn should_let_no_definition_call_this_machine_unless_the_operator_does() {
    let database = Database::migrated().await;
    let operator = operator(&database.url);
    let key = operator.run(&["bootstrap", "--email", "ops@example.com"]).await.stdout;
    let (running, url) = serve(&operator, &[]).await;
    let admin = Tenantry::with_key(&url, key.trim());
    let slug = format!("org-{}", &key.trim().to_ascii_lowercase()[3..11]);
    let ada = Member::of(&admin, &url, &slug).await;
    let service = StandIn::new([Answer::new(200, json!({"price": 4}))]).await;
    ada.tenantry.write("call.yaml", 0o644, &CALL.replace("{service}", &service.url));
    ada.tenantry.answer(&["workflow", "apply", "call.yaml"]).await;
    let left = ada.tenantry.run(&["run", "call", "--wait"]).await;
    assert_eq!((left.status, left.stdout.as_str()), (Some(1), ""), "{}", left.stderr);
    assert!(left.stderr.contains("/errors/communication\n"), "{}", left.stderr);
    assert!(left.stderr.contains("127.0.0.1 is not allowed by the egress policy"), "{}", left.stderr);
    assert_eq!(service.asked_lines(), [""; 0]);

    running.signal(Signal::TERM);
    let (status, _, stderr) = running.ended().await;
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(stderr.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{stderr}");

    let (running, url) = serve(&operator, &["--egress-allow", "127.0.0.0/8"]).await;
    let ada = Tenantry::with_key(&url, ada.secret());
    assert_eq!(ada.answer(&["run", "call", "--wait"]).await, json!({"price": 4}));
    running.signal(Signal::INT);
    assert_eq!(running.ended().await.0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn should_keep_a_worker_whose_work_is_done_at_once() {
    let database = Database::migrated().await;
    let operator = operator(&database.url);
    let key = operator.run(&["bootstrap", "--email", "ops@example.com"]).await.stdout;
    let (mut running, url) = serve(&operator, &[]).await;
    let admin = Tenantry::with_key(&url, key.trim());
    for number in 0..4 {
        // A new organization makes the server look for work, of which there is none.
        let slug = format!("org-{}-{number}", &key.trim().to_ascii_lowercase()[3..11]);
        let ada = Member::of(&admin, &url, &slug).await;
        ada.tenantry.write("brief.yaml", 0o644, BRIEF);
        ada.tenantry.answer(&["workflow", "apply", "brief.yaml"]).await;
        let output = ada.tenantry.answer(&["run", "brief", "--input", r#"{"number": 7}"#, "--wait"]).await;
        assert_eq!(output, json!({"number": 7}));
    }
    let count =
        |log: &str| Some(["started", "stopped"].map(|what| log.matches(&format!("worker {what}")).count()));
    assert_eq!(running.said("its log", count).await, [4, 0]);
    running.signal(Signal::TERM);
    assert_eq!(running.ended().await.0.code(), Some(0));
}

#[tokio::test]
async fn should_bring_the_schema_up_and_down_and_refuse_to_serve_without_it() {
    let database = Database::empty().await;
    let operator = operator(&database.url);
    let migrate = async |words: &[&str]| {
        let left = operator.run(&[&["migrate"], words].concat()).await;
        assert_eq!((left.status, left.stderr.as_str()), (Some(0), ""));
        left.stdout
    };
    let empty = migrate(&["status"]).await;
    insta::assert_snapshot!(empty);
    for early in [&["serve"][..], &["bootstrap", "--email", "ops@example.com"]] {
        let left = operator.run(early).await;
        assert_eq!((left.status, left.stdout.as_str()), (Some(1), ""));
        assert!(left.stderr.starts_with("error[schema]: the database lacks "), "{}", left.stderr);
        assert!(left.stderr.ends_with("hint: apply them with `tenantry migrate up`\n"), "{}", left.stderr);
    }
    let up = migrate(&["up"]).await;
    assert_eq!(up, empty.replace(" missing", " applied now"));
    assert_eq!(migrate(&["up"]).await, empty.replace(" missing", " applied"));
    let down = migrate(&["down"]).await;
    assert_eq!(
        (down.matches(" taken back\n").count(), down.matches(" applied\n").count() + 1),
        (1, down.lines().count())
    );
    assert_eq!(operator.run(&["serve"]).await.status, Some(1));
    assert_eq!(migrate(&["up"]).await, down.replace(" taken back", " applied now"));
    assert_eq!(migrate(&["down", "--steps", "999"]).await, empty.replace(" missing", " taken back"));
    assert_eq!(migrate(&["status"]).await, empty);
}

#[tokio::test]
async fn should_make_the_first_admin_once() {
    let database = Database::migrated().await;
    let operator = operator(&database.url);
    let bootstrap = ["bootstrap", "--email", "ops@example.com"];
    let first = operator.run(&bootstrap).await;
    assert_eq!((first.status, first.stderr.as_str()), (Some(0), ""));
    let again = operator.run(&bootstrap).await;
    assert_eq!((again.status, again.stdout.as_str()), (Some(1), ""));
    assert!(again.stderr.starts_with("error[conflict]: "), "{}", again.stderr);
    assert!(again.stderr.contains("\nhint: ") && again.stderr.contains("--new-key"), "{}", again.stderr);
    let second = operator.run(&[&bootstrap[..], &["--new-key"]].concat()).await;
    assert_ne!(first.stdout, second.stdout);
    let other = operator.run(&["bootstrap", "--email", "eve@example.com", "--new-key"]).await;
    assert_eq!((other.status, other.stdout.as_str()), (Some(2), ""), "{}", other.stderr);

    let (running, url) = serve(&operator, &[]).await;
    for key in [&first.stdout, &second.stdout] {
        assert!(key.starts_with("tn_") && key.lines().count() == 1, "{key}");
        let me = Tenantry::with_key(&url, key.trim()).answer(&["me"]).await;
        assert_eq!((&me["role"], &me["user"]["email"]), (&json!("admin"), &json!("ops@example.com")));
    }
    running.signal(Signal::TERM);
    assert_eq!(running.ended().await.0.code(), Some(0));
}

#[tokio::test]
async fn should_name_a_bad_setting_and_never_repeat_a_password() {
    let check = |left: &Left, status: i32, says: &[&str]| {
        assert_eq!((left.status, left.stdout.as_str()), (Some(status), ""), "{}", left.stderr);
        assert!(says.iter().all(|said| left.stderr.contains(said)), "{says:?}: {}", left.stderr);
        assert!(!left.stderr.contains("hunter2"), "{}", left.stderr);
    };
    let commands = [
        &["serve"][..],
        &["migrate", "up"],
        &["migrate", "status"],
        &["bootstrap", "--email", "a@b.example"],
    ];
    for url in [
        "postgres://ops:hunter2@host:port/db",
        "mysql://ops:hunter2@host/db",
        "postgres://ops@host/db?sslmode=hunter2",
        "ops:hunter2",
        "",
    ] {
        let operator = Tenantry::nobody().with("DATABASE_URL", url).with("TEMPORAL_ADDRESS", "127.0.0.1:1");
        for command in commands {
            let says = ["error[invalid]: --database-url (DATABASE_URL) must be a URL such as postgres://"];
            let command =
                if command == ["serve"] { &["serve", "--http-addr", "127.0.0.1:0"] } else { command };
            check(&operator.run(command).await, 2, &says);
        }
    }
    let away = nobody().await.replace("http://", "postgres://ops:hunter2@") + "/db";
    let operator = Tenantry::nobody().with("DATABASE_URL", &away).with("TENANTRY_HTTP_ADDR", "127.0.0.1:0");
    for command in &commands[1..] {
        check(&operator.run(command).await, 5, &["cannot connect to PostgreSQL: ", "refused"]);
    }
    let says = ["error[invalid]: --temporal-address (TEMPORAL_ADDRESS)", "host:port or http://host:port"];
    check(&operator.run(&["serve", "--temporal-address", "host"]).await, 2, &says);
    let temporal = ["serve", "--temporal-address", "127.0.0.1:1"];
    let with = async |more: [&'static str; 2]| operator.run(&[&temporal[..], &more].concat()).await;
    check(
        &with(["--http-addr", "8090"]).await,
        2,
        &["'8090' for '--http-addr", "must be an IP address and a port"],
    );
    check(&with(["--http-addr", "192.0.2.1:0"]).await, 1, &["cannot listen on 192.0.2.1:0: ", "hint: "]);
    check(&with(["--egress-allow", "lan"]).await, 2, &["--egress-allow", "expected CIDR notation"]);
    check(&with(["--log", "=,="]).await, 2, &["--log (TENANTRY_LOG): "]);
    check(
        &with(["--trusted-proxies", "10.0.0.1"]).await,
        2,
        &["--trusted-proxies", "expected CIDR notation"],
    );
    check(&with(["--max-connections", "0"]).await, 2, &["--max-connections", "must be a number from 1 to "]);
    for (name, value, says) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ops:hunter2@host", "must be a URL such as http://"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://ops:hunter2@host:port",
            "must be a URL such as http://",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "must be http/protobuf"),
    ] {
        let operator = Tenantry::nobody()
            .with("DATABASE_URL", &away)
            .with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
            .with(name, value);
        check(&operator.run(&temporal).await, 2, &[&format!("error[invalid]: {name} {says}")]);
    }
}

#[tokio::test]
async fn should_log_a_line_for_each_request_and_no_key() {
    let database = Database::migrated().await;
    let operator = operator(&database.url);
    let key = operator.run(&["bootstrap", "--email", "ops@example.com"]).await.stdout.trim().to_owned();
    let (running, url) = serve(&operator, &["--trusted-proxies", "127.0.0.1/32", "--log", "trace"]).await;
    let bearer = format!("Bearer {key}");
    let headers =
        [("authorization", bearer.as_str()), ("x-request-id", "find-me"), ("x-forwarded-for", "203.0.113.9")];
    let line = format!("GET /api/v0/me?key={key}");
    send_as(&url, &Request { line: &line, headers: &headers, body: "" }).await;
    let me = send(&url, &key, "GET /api/v0/me", "").await.body;
    running.signal(Signal::TERM);
    let (status, _, stderr) = running.ended().await;
    assert_eq!(status.code(), Some(0), "{stderr}");

    let lines = stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let lines: Vec<Value> = lines.filter(|line| line["request_id"] == "find-me").collect();
    let [line] = &lines[..] else { panic!("one line: {lines:#?}") };
    for (field, expected) in [
        ("message", json!("request")),
        ("level", json!("INFO")),
        ("method", json!("GET")),
        ("route", json!("/api/v0/me")),
        ("status", json!(422)),
        ("outcome", json!("invalid")),
        ("source_address", json!("203.0.113.9")),
        ("organization", me["data"]["organization"]["id"].clone()),
        ("user", me["data"]["user"]["id"].clone()),
        ("api_key", me["data"]["api_key"]["id"].clone()),
    ] {
        assert_eq!(line[field], expected, "{field}: {line}");
    }
    assert!(line["milliseconds"].as_f64().is_some_and(|took| took > 0.0), "{line}");
    assert!(!stderr.contains(&key[..16]), "the key is in the log");
}

/// What the server's log says that somebody should change about Temporal.
fn finding(log: &str) -> Option<Value> {
    let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find(|line| !line["finding"].is_null())
}

#[tokio::test(flavor = "multi_thread")]
async fn should_name_a_temporal_that_does_not_keep_organizations_apart_and_not_serve_if_it_is_to_be_strict() {
    let temporal = PrivateTemporal::start(&[("system.enableCrossNamespaceCommands", "true")]).await;
    let database = Database::migrated().await;
    let mut link = Link::to(&temporal.address());
    let operator = operator(&database.url).with("TEMPORAL_ADDRESS", link.address());

    // While Temporal is away, it cannot be known.
    let (strict, _) = serve(&operator, &["--strict"]).await;
    let (mut lenient, url) = serve(&operator, &[]).await;
    link.open();
    let (status, _, stderr) = strict.ended().await;
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("error[unsafe_temporal]: Temporal lets a workflow of one organization"),
        "{stderr}"
    );
    let said = lenient.said("the finding", finding).await;
    assert_eq!((&said["finding"], &said["level"]), (&json!("cross_namespace_commands"), &json!("ERROR")));
    assert!(
        said["advice"].as_str().is_some_and(|advice| advice.contains("system.enableCrossNamespaceCommands"))
    );
    assert_eq!(send_as(&url, &Request { line: "GET /healthz", headers: &[], body: "" }).await.status, 200);
    lenient.signal(Signal::TERM);
    assert_eq!(lenient.ended().await.0.code(), Some(0));

    let refused = operator.with("TENANTRY_STRICT", "yes").run(&["serve"]).await;
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("\nhint: set system.enableCrossNamespaceCommands to false"),
        "{}",
        refused.stderr
    );
    assert!(serving_at(&refused.stderr).is_none(), "{}", refused.stderr);
    link.cut().await;
    temporal.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_serve_strictly_on_a_temporal_that_keeps_organizations_apart() {
    let database = Database::migrated().await;
    let (running, _) = serve(&operator(&database.url), &["--strict"]).await;
    running.signal(Signal::TERM);
    let (status, _, stderr) = running.ended().await;
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert_eq!(finding(&stderr), None, "{stderr}");
}
