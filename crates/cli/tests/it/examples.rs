//! The definitions in `examples/`, and the one of `workflow init`, each run to its end on a real server; and what becomes of them there.

use std::{fs, path::Path};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    member::Member,
    running::Dev,
    stand_in::{Answer, StandIn},
    tenantry::Tenantry,
};

fn answer(body: &Value) -> Answer {
    Answer::new(200, body)
}

/// Writes the examples into the user's folder, calling this service.
fn write_examples(user: &Tenantry, service: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for file in fs::read_dir(folder).expect("the examples") {
        let path = file.expect("a file").path();
        let text = fs::read_to_string(&path).expect("an example").replace("http://127.0.0.1:9000", service);
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        user.write(&format!("examples/{name}"), 0o644, &text);
    }
}

/// The services' answers, in the order in which they are asked for.
fn answers() -> Vec<Answer> {
    vec![
        // quote
        answer(&json!({"price": 5})),
        // reminders: unpaid, reminded, paid
        answer(&json!({"paid": false})),
        answer(&json!({})),
        answer(&json!({"paid": true})),
        // report: ordered, not yet, done
        answer(&json!({"id": "r-7"})),
        answer(&json!({"id": "r-7", "status": "running"})),
        answer(&json!({"id": "r-7", "status": "done", "url": "https://reports.example/r-7"})),
        // report: ordered, failed
        answer(&json!({"id": "r-8"})),
        answer(&json!({"id": "r-8", "status": "failed"})),
        // sync: a page, and an empty one
        answer(&json!({"data": [{"id": 1}, {"id": 2}], "next_cursor": "two"})),
        answer(&json!({})),
        answer(&json!({"data": [], "next_cursor": null})),
    ]
}

async fn run(user: &Tenantry, name: &str, input: &Value) -> Value {
    let left = user.run(&["run", name, "--input", &input.to_string(), "--wait"]).await;
    assert_eq!(left.status, Some(0), "{name}: {}", left.stderr);
    serde_json::from_str(&left.stdout).expect("JSON")
}

#[tokio::test]
async fn should_run_every_example_to_its_end() {
    let newcomer = Tenantry::developer();
    let dev = Dev::start(&newcomer).await;
    let ada = Member::of(&newcomer, dev.url(), "acme").await.tenantry;
    let service = StandIn::new(answers()).await;
    write_examples(&ada, &service.url);
    assert_eq!(ada.run(&["workflow", "init"]).await.status, Some(0));

    let left = ada.run(&["workflow", "apply", "examples", "hello.yaml"]).await;
    let expected =
        ["quote", "reminders", "report", "sync", "hello"].map(|name| format!("applied {name} revision 1\n"));
    assert_eq!((left.status, left.stdout), (Some(0), expected.concat()), "{}", left.stderr);

    assert_eq!(run(&ada, "hello", &json!({})).await, json!({"greeting": "Hello, world!"}));
    let ada_hurries = json!({"name": "Ada", "in_a_hurry": true});
    assert_eq!(run(&ada, "hello", &ada_hurries).await, json!({"greeting": "Hello, Ada!"}));
    let tea = json!({"item": "tea", "amount": 120});
    assert_eq!(run(&ada, "quote", &tea).await, json!({"item": "tea", "total": 540}));
    let invoice = json!({"invoice": "i-1", "pause": "PT1S"});
    let paid = json!({"invoice": "i-1", "outcome": "paid", "reminders": 1});
    assert_eq!(run(&ada, "reminders", &invoice).await, paid);
    let month = json!({"month": "2026-10"});
    assert_eq!(run(&ada, "report", &month).await, json!({"report": "https://reports.example/r-7"}));
    let given_up = json!({"report": null, "reason": "the report is failed after 1 questions"});
    assert_eq!(run(&ada, "report", &month).await, given_up);
    assert_eq!(run(&ada, "sync", &json!({})).await, json!({"copied": 2}));
    let asked = [
        "GET /prices/tea.json",
        "GET /invoices/i-1",
        "POST /reminders",
        "GET /invoices/i-1",
        "POST /reports",
        "GET /reports/r-7",
        "GET /reports/r-7",
        "POST /reports",
        "GET /reports/r-8",
        "GET /customers?limit=100",
        "PUT /copies",
        "GET /customers?limit=100&cursor=two",
    ];
    assert_eq!(service.asked_lines(), asked);
    change_and_delete(&ada).await;
    dev.stop(Signal::INT).await;
}

/// What becomes of a definition that was uploaded.
async fn change_and_delete(ada: &Tenantry) {
    let path = ada.folder.path().join("hello.yaml");
    let changed = fs::read_to_string(&path).expect("a definition").replace("Hello", "Welcome");
    fs::write(&path, changed).expect("a definition");
    let dry = ada.run(&["workflow", "apply", "hello.yaml", "examples/quote.yaml", "--dry-run"]).await;
    assert!(dry.stdout.contains("\n-        greeting: \"${ \\\"Hello, "), "{}{}", dry.stdout, dry.stderr);
    assert!(dry.stdout.contains("\n+        greeting: \"${ \\\"Welcome, "), "{}", dry.stdout);
    assert!(dry.stdout.ends_with("\nunchanged quote revision 1\n"), "{}", dry.stdout);
    let left = ada.run(&["workflow", "apply", "hello.yaml"]).await;
    assert_eq!(left.stdout, "applied hello revision 2\n", "{}", left.stderr);
    let revisions = ada.answer(&["workflow", "revisions", "hello"]).await;
    let numbers: Vec<_> =
        revisions.as_array().expect("a list").iter().map(|one| one["revision"].clone()).collect();
    assert_eq!(numbers, [2, 1]);
    let first = ada.answer(&["workflow", "get", "hello", "--revision", "1"]).await;
    assert_eq!(first, revisions[1]);
    let drawn = ada.run(&["workflow", "graph", "hello"]).await;
    let of_file = ada.run(&["workflow", "graph", "hello.yaml"]).await;
    assert_eq!((drawn.status, drawn.stdout), (Some(0), of_file.stdout), "{}", drawn.stderr);

    let schedule = ada.answer(&["schedule", "create", "hello", "--every", "1h"]).await;
    let id = schedule["id"].as_str().expect("an id");
    let refused = ada.run(&["workflow", "delete", "hello", "--yes"]).await;
    assert_eq!(refused.status, Some(1));
    assert!(
        refused.stderr.contains(&format!("schedules start this workflow ({id}); delete them first")),
        "{}",
        refused.stderr
    );
    assert_eq!(ada.run(&["schedule", "delete", id]).await.status, Some(0));
    assert_eq!(ada.run(&["workflow", "delete", "hello", "--yes"]).await.stdout, "deleted hello\n");
    assert_eq!(ada.run(&["workflow", "get", "hello"]).await.status, Some(4));
    let kept = ada.answer(&["execution", "list", "--workflow", "hello"]).await;
    assert_eq!(kept.as_array().map(Vec::len), Some(2), "what it has started is still there");
    let left = ada.run(&["workflow", "apply", "hello.yaml"]).await;
    assert_eq!(left.stdout, "applied hello revision 3\n", "{}", left.stderr);
}
