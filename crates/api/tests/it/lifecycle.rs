//! The lives of organizations and users: suspension, resumption, erasure; changes of name, role and status.

use serde_json::{Value, json};
use sqlx::Row as _;
use tenantry_test_support::{App, eventually};

use crate::{
    caller::{Caller, text},
    tenant::{Tenant, execution_in, somebody},
};

/// Waits for ten minutes, or until it is asked to stop.
const LONG: &str = "\
document: {dsl: '1.0.3', namespace: test, name: long, version: '1.0.0'}
do:
  - pause: {wait: {minutes: 10}}
";

/// Waits for a second and a half.
const SHORT: &str = "\
document: {dsl: '1.0.3', namespace: test, name: short, version: '1.0.0'}
do:
  - pause: {wait: {milliseconds: 1500}}
  - done: {set: {done: true}}
";

async fn acme() -> (App, Caller, Tenant) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    (app, admin, acme)
}

async fn begin(tenant: &Tenant, name: &str, definition: &str) -> String {
    tenant.manager.put(&format!("/workflows/{name}"), definition).await.data(201);
    let started = tenant.customer.post(&format!("/workflows/{name}/executions"), &json!({})).await.data(202);
    let id = text(&started["id"]);
    execution_in(&tenant.customer, &id, "running").await;
    id
}

#[tokio::test]
async fn should_refuse_every_key_of_a_suspended_organization_until_it_is_resumed() {
    let (_app, admin, acme) = acme().await;
    let suspended = admin.post("/organizations/acme/suspend", &json!({})).await.data(200);
    assert_eq!(suspended["status"], json!("suspended"));
    for caller in [&acme.manager, &acme.customer, &acme.worker] {
        for path in ["/me", "/workflows", "/executions", "/organizations/acme"] {
            let problem = caller.get(path).await.problem(403, "organization_suspended");
            assert_eq!(problem["organization"], json!("acme"));
        }
    }
    admin.inside("acme").get("/workflows").await.data(200);
    admin.post("/organizations/acme/suspend", &json!({})).await.problem(409, "conflict");
    let resumed = admin.post("/organizations/acme/resume", &json!({})).await.data(200);
    assert_eq!(resumed["status"], json!("active"));
    acme.customer.get("/me").await.data(200);
    let problem = admin.post("/organizations/acme/resume", &json!({})).await.problem(409, "conflict");
    assert!(text(&problem["detail"]).contains("active"), "{problem}");
}

#[tokio::test]
async fn should_pause_executions_with_their_organization_and_go_on_with_it() {
    let (app, admin, acme) = acme().await;
    let id = begin(&acme, "short", SHORT).await;
    admin.post("/organizations/acme/suspend", &json!({"executions": "pause"})).await.data(200);
    let inside = admin.inside("acme");
    // Another organization's execution of the same length ends meanwhile; this one does not.
    let other = Tenant::active(&app, &admin, "other").await;
    let theirs = begin(&other, "short", SHORT).await;
    execution_in(&other.customer, &theirs, "completed").await;
    let paused = inside.get(&format!("/executions/{id}")).await.data(200);
    assert_eq!(paused["status"], json!("running"));
    admin.post("/organizations/acme/resume", &json!({})).await.data(200);
    let done = execution_in(&acme.customer, &id, "completed").await;
    assert_eq!(done["output"], json!({"done": true}));
}

#[tokio::test]
async fn should_cancel_executions_with_their_organization_if_that_is_wanted() {
    let (_app, admin, acme) = acme().await;
    let id = begin(&acme, "long", LONG).await;
    admin.post("/organizations/acme/suspend", &json!({"executions": "cancel"})).await.data(200);
    execution_in(&admin.inside("acme"), &id, "canceled").await;
    let wrong = admin.post("/organizations/acme/suspend", &json!({"executions": "kill"})).await;
    assert_eq!(wrong.wrong_fields(422, "invalid"), ["executions"]);
}

#[tokio::test]
async fn should_cancel_one_execution() {
    let (_app, _admin, acme) = acme().await;
    let id = begin(&acme, "long", LONG).await;
    let path = format!("/executions/{id}/cancel");
    acme.customer.post(&path, &json!({})).await.data(202);
    let canceled = execution_in(&acme.customer, &id, "canceled").await;
    assert_ne!(canceled["ended_at"], Value::Null);
    let problem = acme.customer.post(&path, &json!({})).await.problem(409, "conflict");
    assert!(text(&problem["detail"]).contains("canceled"), "{problem}");
}

#[tokio::test]
async fn should_rename_an_organization_but_never_its_slug() {
    let (_app, admin, acme) = acme().await;
    for (caller, name) in [(&acme.manager, "One"), (&admin, "Two")] {
        let renamed = caller.patch("/organizations/acme", &json!({"name": name})).await.data(200);
        assert_eq!((&renamed["name"], &renamed["slug"]), (&json!(name), &json!("acme")));
    }
    acme.customer.patch("/organizations/acme", &json!({"name": "x"})).await.problem(403, "forbidden");
    let wrong = acme.manager.patch("/organizations/acme", &json!({"slug": "other"})).await;
    wrong.problem(422, "invalid");
}

/// How many rows of each table the organization has, besides its own.
async fn left(app: &App, id: &str) -> Vec<(String, i64)> {
    let mut owner = app.database.owner().await;
    let id = id.parse::<tenantry_domain::OrganizationId>().expect("an id").uuid();
    let tables =
        "select attrelid::regclass::text as name from pg_attribute join pg_class on pg_class.oid = attrelid
                  where attname = 'organization_id' and relkind = 'r' order by 1";
    let tables = sqlx::query(tables).fetch_all(&mut owner).await.expect("the tables");
    let mut left = Vec::new();
    for table in tables {
        let table: String = table.get("name");
        let count = format!("select count(*) from {table} where organization_id = $1");
        let row =
            sqlx::query(sqlx::AssertSqlSafe(count)).bind(id).fetch_one(&mut owner).await.expect("a count");
        left.push((table, row.get(0)));
    }
    left
}

async fn erased(admin: &Caller, id: &str) -> Value {
    eventually("the erasure is recorded", || async {
        let log = admin.get(&format!("/audit-log?action=organization.erase&resource={id}")).await.data(200);
        log.get(0).cloned()
    })
    .await
}

#[tokio::test]
async fn should_erase_an_organization_and_keep_only_a_record_that_it_did() {
    let (app, admin, acme) = acme().await;
    let acme = acme.with_quote().await.with_schedule().await;
    begin(&acme, "long", LONG).await;
    let wrong = admin.delete("/organizations/acme").await;
    assert_eq!(wrong.wrong_fields(422, "invalid"), ["confirm"]);
    let wrong = admin.delete("/organizations/acme?confirm=acm").await;
    assert_eq!(wrong.wrong_fields(422, "invalid"), ["confirm"]);

    assert_eq!(admin.delete("/organizations/acme?confirm=acme").await.status, 202);
    acme.manager.get("/me").await.problem(401, "unauthenticated");
    admin.get("/organizations/acme").await.problem(404, "not_found");
    admin.delete("/organizations/acme?confirm=acme").await.problem(404, "not_found");
    let listed = admin.get("/organizations").await.data(200);
    assert!(!listed.to_string().contains("acme"), "{listed}");

    let record = erased(&admin, &acme.id).await;
    let rows = &record["changes"]["rows"];
    assert_eq!((&rows["users"], &rows["api_keys"], &rows["workflows"]), (&json!(3), &json!(3), &json!(2)));
    assert_eq!((&rows["executions"], &rows["schedules"]), (&json!(1), &json!(1)));
    assert!(
        left(&app, &acme.id).await.iter().all(|(_, rows)| *rows == 0),
        "{:?}",
        left(&app, &acme.id).await
    );
    assert!(!record.to_string().contains("example"), "counts and no content: {record}");

    // The slug is free again, for an organization that has nothing of the old one.
    let again = Tenant::active(&app, &admin, "acme").await;
    assert_ne!(again.id, acme.id);
    assert_eq!(again.customer.get("/executions").await.data(200), json!([]));
}

#[tokio::test]
async fn should_finish_an_erasure_that_a_stopped_server_had_begun() {
    let (app, admin, acme) = acme().await;
    let acme = acme.with_quote().await;
    assert_eq!(admin.delete("/organizations/acme?confirm=acme").await.status, 202);
    let database = app.database.clone();
    app.stop().await;
    let app = App::start_with(&tenantry_test_support::Servers::get().temporal_address, database).await;
    let admin = Caller::admin(&app).await;
    erased(&admin, &acme.id).await;
    assert!(left(&app, &acme.id).await.iter().all(|(_, rows)| *rows == 0));
}

#[tokio::test]
async fn should_neither_suspend_nor_delete_the_system_organization() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let system = admin.get("/me").await.data(200)["organization"]["id"].clone();
    app.active(&text(&system)).await;
    admin.put("/workflows/long", LONG).await.data(201);
    let running = text(&admin.post("/workflows/long/executions", &json!({})).await.data(202)["id"]);
    execution_in(&admin, &running, "running").await;
    for executions in ["pause", "cancel"] {
        let body = json!({"executions": executions});
        admin.post("/organizations/system/suspend", &body).await.problem(409, "conflict");
    }
    // What is to be canceled shows in the log before it shows in the execution.
    let log = admin.inside("system").get("/audit-log?action=organization.suspend").await.data(200);
    assert_eq!(log, json!([]));
    let mut owner = app.database.owner().await;
    let canceled = "select count(*) from executions where cancel_requested_at is not null";
    let canceled = sqlx::query(canceled).fetch_one(&mut owner).await.expect("a query");
    assert_eq!(canceled.get::<i64, _>(0), 0);
    admin.delete("/organizations/system?confirm=system").await.problem(409, "conflict");
}

#[tokio::test]
async fn should_change_what_a_user_may_do_at_once() {
    let (_app, _admin, acme) = acme().await;
    let path = format!("/users/{}", acme.customer.user);
    acme.customer.get("/organizations/acme/users").await.problem(403, "forbidden");
    let promoted = acme.manager.patch(&path, &json!({"role": "manager", "name": "Boss"})).await.data(200);
    assert_eq!((&promoted["role"], &promoted["name"]), (&json!("manager"), &json!("Boss")));
    acme.customer.get("/organizations/acme/users").await.data(200);
    acme.manager.patch(&path, &json!({"status": "disabled"})).await.data(200);
    acme.customer.get("/me").await.problem(401, "unauthenticated");
    acme.manager.patch(&path, &json!({"status": "active"})).await.data(200);
    acme.customer.get("/me").await.data(200);
    let wrong = acme.manager.patch(&path, &json!({"role": "king", "status": "odd", "name": ""})).await;
    assert_eq!(wrong.wrong_fields(422, "invalid"), ["name", "role", "status"]);
    let wrong = acme.manager.patch(&path, &json!({"role": "worker"})).await;
    assert_eq!(wrong.wrong_fields(422, "invalid"), ["role"]);
    acme.manager.patch(&path, &json!({"role": "admin"})).await.problem(403, "forbidden");
}

#[tokio::test]
async fn should_end_the_keys_of_a_user_who_is_deleted() {
    let (_app, _admin, acme) = acme().await;
    let path = format!("/users/{}", acme.customer.user);
    assert_eq!(acme.manager.delete(&path).await.status, 204);
    acme.customer.get("/me").await.problem(401, "unauthenticated");
    acme.manager.get(&path).await.problem(404, "not_found");
    acme.manager.get(&format!("/api-keys/{}", acme.customer.api_key)).await.problem(404, "not_found");
    acme.manager.delete(&path).await.problem(404, "not_found");
    let log = acme.manager.get(&format!("/audit-log?resource={}", acme.customer.user)).await.data(200);
    assert_eq!(
        log[0]["action"],
        json!("user.delete"),
        "what they did and what was done to them stays: {log}"
    );
}

#[tokio::test]
async fn should_keep_the_last_manager_however_two_try_at_once() {
    let (_app, admin, acme) = acme().await;
    let path = |caller: &Caller| format!("/users/{}", caller.user);
    for body in [json!({"role": "customer"}), json!({"status": "disabled"})] {
        let problem = acme.manager.patch(&path(&acme.manager), &body).await.problem(409, "conflict");
        assert!(text(&problem["detail"]).contains("last active manager"), "{problem}");
    }
    acme.manager.delete(&path(&acme.manager)).await.problem(409, "conflict");

    let second = json!({"email": "second@acme.example", "name": "Second", "role": "manager"});
    let second = text(&admin.post("/organizations/acme/users", &second).await.data(201)["id"]);
    let (first, second) = (path(&acme.manager), format!("/users/{second}"));
    let (one, two) = tokio::join!(admin.delete(&first), admin.delete(&second));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409], "one of them stays");
}

#[tokio::test]
async fn should_keep_the_last_admin() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    admin.delete(&format!("/users/{}", admin.user)).await.problem(409, "conflict");
    let manager = somebody(&admin, "system", "manager").await;
    manager.delete(&format!("/users/{}", admin.user)).await.problem(403, "forbidden");
    manager
        .patch(&format!("/users/{}", admin.user), &json!({"status": "disabled"}))
        .await
        .problem(403, "forbidden");
    let second = json!({"email": "second@system.example", "name": "Second", "role": "admin"});
    admin.post("/organizations/system/users", &second).await.data(201);
    assert_eq!(admin.delete(&format!("/users/{}", admin.user)).await.status, 204);
    admin.get("/me").await.problem(401, "unauthenticated");
}
