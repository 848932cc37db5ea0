//! What admins and managers do with organizations, users and the audit log, by the command.

use rustix::process::Signal;
use serde_json::json;

use crate::{member::Member, running::Dev, tenantry::Tenantry};

const LONG: &str = "\
document: {dsl: '1.0.3', namespace: test, name: long, version: '1.0.0'}
do:
  - pause: {wait: {minutes: 10}}
";

fn check(left: &crate::tenantry::Left, status: i32, says: &str) {
    assert_eq!(left.status, Some(status), "{}", left.stderr);
    assert!(left.stderr.contains(says), "{}", left.stderr);
}

#[tokio::test]
async fn should_lead_an_organization_through_its_life() {
    let user = Tenantry::developer();
    let dev = Dev::start(&user).await;
    let admin = dev.admin();
    let url = dev.ready["url"].as_str().expect("a URL").to_owned();
    let member = Member::of(&admin, &url, "acme").await;
    let ada = &member.tenantry;

    let renamed = ada.answer(&["org", "update", "acme", "--name", "Acme Limited"]).await;
    assert_eq!(renamed["name"], json!("Acme Limited"));
    let quotas = admin.answer(&["org", "quotas", "acme", "--set", "users=2", "--set", "workflows=1"]).await;
    assert_eq!((&quotas["users"], &quotas["workflows"]), (&json!(2), &json!(1)));
    assert_eq!(ada.answer(&["org", "usage", "acme"]).await["users"], json!(1));

    let create = ["user", "create", "--name", "Bo", "--email", "bo@acme.example", "--role", "customer"];
    let bo = ada.answer(&create).await;
    let bo = bo["id"].as_str().expect("an id");
    let robot = ["user", "create", "--name", "Robot", "--service", "--role", "worker"];
    check(&ada.run(&robot).await, 1, "the quota users is used up: 2 of 2");
    let disabled = ada.answer(&["user", "update", bo, "--status", "disabled"]).await;
    assert_eq!(disabled["status"], json!("disabled"));
    assert_eq!(ada.run(&["user", "delete", bo]).await.stdout, format!("deleted {bo}\n"));
    check(&ada.run(&["user", "get", bo]).await, 4, "not_found");
    let ada_id = member.user["id"].as_str().expect("an id");
    check(&ada.run(&["user", "delete", ada_id]).await, 1, "the last active manager");

    let file = user.write("long.yaml", 0o600, LONG).display().to_string();
    assert_eq!(ada.run(&["workflow", "apply", &file]).await.status, Some(0));
    let started = ada.answer(&["run", "long"]).await;
    let execution = started["id"].as_str().expect("an id");
    let signalled = ada.answer(&["execution", "signal", execution, "approve", "--input", "{}"]).await;
    assert_eq!(signalled["id"], json!(execution));
    ada.answer(&["execution", "cancel", execution]).await;
    let own = ["execution", "start", "--type", "Order", "--task-queue", "orders", "--id", "order-7"];
    let own = ada.answer(&[&own[..], &["--input", "{\"amount\": 3}"]].concat()).await;
    assert_eq!((&own["workflow_id"], &own["input"]), (&json!("order-7"), &json!({"amount": 3})));
    let own = own["id"].as_str().expect("an id");
    assert_eq!(ada.answer(&["execution", "tasks", own]).await, json!([]));
    let history = ada.answer(&["execution", "history", own, "--limit", "1"]).await;
    assert_eq!(history[0]["type"], json!("WorkflowExecutionStarted"));
    assert_eq!(history[0]["attributes"]["input"], json!([{"amount": 3}]));
    let ended = ada.answer(&["execution", "terminate", own, "--reason", "a wrong order"]).await;
    assert_eq!((&ended["status"], &ended["status_reason"]), (&json!("terminated"), &json!("a wrong order")));
    check(&ada.run(&["execution", "signal", own, "approve"]).await, 1, "has ended");

    admin.answer(&["org", "suspend", "acme"]).await;
    let suspended = ada.run(&["workflow", "list"]).await;
    check(&suspended, 3, "organization_suspended");
    check(&suspended, 3, "hint: an admin can resume it with `tenantry org resume acme`\n");
    check(&admin.run(&["org", "suspend", "acme"]).await, 1, "suspended");
    admin.answer(&["org", "resume", "acme"]).await;
    ada.answer(&["workflow", "list"]).await;

    let log = ada.answer(&["audit", "list", "--action", "user.delete"]).await;
    assert_eq!(log[0]["resource"]["id"], json!(bo));
    let verified = ada.answer(&["audit", "verify"]).await;
    assert_eq!((&verified["valid"], &verified["broken_at"]), (&json!(true), &json!(null)));

    check(&admin.run(&["org", "delete", "acme", "--confirm", "other"]).await, 2, "confirm");
    let deleted = admin.run(&["org", "delete", "acme", "--confirm", "acme", "--wait"]).await;
    assert_eq!(
        (deleted.status, deleted.stdout.contains("acme is gone")),
        (Some(0), true),
        "{}",
        deleted.stdout
    );
    check(&ada.run(&["me"]).await, 3, "unauthenticated");
    check(&admin.run(&["org", "get", "acme"]).await, 4, "not_found");
    dev.stop(Signal::INT).await;
}
