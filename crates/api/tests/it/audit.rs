//! The audit log: everything is in it, and nothing can leave it unseen.

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tenantry_api::Settings;
use tenantry_test_support::App;

use crate::{
    caller::{Caller, text},
    tenant::Tenant,
};

async fn acme() -> (App, Caller, Tenant) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    (app, admin, acme)
}

async fn as_owner(app: &App, sql: &str) {
    let owner = &mut app.database.owner().await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(owner).await.expect(sql);
}

#[tokio::test]
async fn should_say_who_did_what_to_what_when_and_from_where() {
    let (_app, _admin, acme) = acme().await;
    let user = json!({"email": "new@acme.example", "name": "New", "role": "customer"});
    let manager = acme.manager.with("x-request-id", "find-me");
    let user = text(&manager.post("/organizations/acme/users", &user).await.data(201)["id"]);
    let entry = acme.manager.get(&format!("/audit-log?resource={user}")).await.data(200)[0].clone();
    let actor = json!({
        "user_id": acme.manager.user, "key_id": acme.manager.api_key, "role": "manager", "organization_id": acme.id,
    });
    assert_eq!(entry["actor"], actor);
    assert_eq!((&entry["action"], &entry["outcome"]), (&json!("user.create"), &json!("ok")));
    assert_eq!(entry["resource"], json!({"type": "user", "id": user}));
    assert_eq!((&entry["request_id"], &entry["source_address"]), (&json!("find-me"), &json!("127.0.0.1")));
    assert_eq!(entry["changes"], json!({"role": [null, "customer"], "kind": [null, "human"]}));
    assert_eq!(entry["organization_id"], json!(acme.id));
}

#[tokio::test]
async fn should_record_every_change() {
    let (_app, admin, acme) = acme().await;
    acme.start().await;
    let keys = format!("/users/{}/api-keys", acme.customer.user);
    let key = text(&acme.customer.post(&keys, &json!({"name": "k"})).await.data(201)["id"]);
    assert_eq!(acme.customer.delete(&format!("/api-keys/{key}")).await.status, 204);
    acme.manager.patch("/organizations/acme", &json!({"name": "New"})).await.data(200);
    admin.put_json("/organizations/acme/quotas", &json!({"users": 9})).await.data(200);
    acme.manager.patch(&format!("/users/{}", acme.worker.user), &json!({"name": "W"})).await.data(200);
    acme.manager.delete(&format!("/users/{}", acme.worker.user)).await;
    admin.post("/organizations/acme/suspend", &json!({})).await.data(200);
    admin.post("/organizations/acme/resume", &json!({})).await.data(200);
    let log = acme.manager.walk("/audit-log").await;
    let mut actions: Vec<String> = log.iter().rev().map(|entry| text(&entry["action"])).collect();
    // The reconciler and the callers do their parts at the same time.
    actions.retain(|action| action != "organization.provision");
    let setup = ["organization.create"]
        .into_iter()
        .chain(["user.create", "api_key.create"].into_iter().cycle().take(6));
    let expected: Vec<&str> = setup
        .chain([
            "workflow.apply",
            "execution.start",
            "api_key.create",
            "api_key.revoke",
            "organization.update",
            "quota.update",
            "user.update",
            "user.delete",
            "organization.suspend",
            "organization.resume",
        ])
        .collect();
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn should_record_what_was_refused() {
    let (_app, _admin, acme) = acme().await;
    acme.customer.get("/organizations/acme/users").await.problem(403, "forbidden");
    let log = acme.manager.get("/audit-log?action=access").await.data(200);
    assert_eq!(
        (&log[0]["outcome"], &log[0]["actor"]["user_id"]),
        (&json!("denied"), &json!(acme.customer.user))
    );
    assert_eq!(log[0]["changes"], json!({"permission": "users:read"}));
}

#[tokio::test]
async fn should_filter_the_log() {
    let (_app, admin, acme) = acme().await;
    let count = async |caller: &Caller, filter: &str| {
        let log = caller.walk(&format!("/audit-log{filter}")).await;
        log.len()
    };
    assert_eq!(count(&admin.inside("acme"), "").await, count(&acme.manager, "").await);
    let all = acme.manager.get("/audit-log?limit=200").await.data(200);
    let all = all.as_array().expect("a list").clone();
    let by = |matches: &dyn Fn(&Value) -> bool| all.iter().filter(|entry| matches(entry)).count();
    let filtered = async |filter: String| {
        let log = acme.manager.get(&format!("/audit-log?limit=200&{filter}")).await.data(200);
        log.as_array().expect("a list").len()
    };
    let manager = json!(acme.manager.user);
    assert_eq!(
        filtered(format!("actor={}", acme.manager.user)).await,
        by(&|e| e["actor"]["user_id"] == manager)
    );
    assert_eq!(filtered("action=user.create".to_owned()).await, 3);
    let middle = text(&all[all.len() / 2]["at"]);
    let (after, before) =
        (filtered(format!("after={middle}")).await, filtered(format!("before={middle}")).await);
    assert_eq!(after + before, all.len());
    let wrong = acme.manager.get("/audit-log?actor=me&action=cat.pet&after=now&colour=red").await;
    assert_eq!(wrong.wrong_fields(422, "invalid"), ["actor", "action", "after", "colour"]);
    acme.customer.get("/audit-log").await.problem(403, "forbidden");
}

#[tokio::test]
async fn should_show_an_admin_the_logs_of_all_organizations() {
    let (app, admin, acme) = acme().await;
    let other = Tenant::active(&app, &admin, "other").await;
    let log = admin.get("/audit-log?limit=200&action=organization.create").await.data(200);
    let mut of: Vec<String> =
        log.as_array().expect("a list").iter().map(|e| text(&e["organization_id"])).collect();
    of.sort();
    let mut both = vec![acme.id.clone(), other.id.clone()];
    both.sort();
    assert_eq!(of, both);
    let own = other.manager.get("/audit-log?limit=200").await.data(200).to_string();
    assert!(!own.contains(&acme.id) && !own.contains(&acme.manager.user), "{own}");
}

#[tokio::test]
async fn should_find_an_entry_that_was_altered_or_removed() {
    let (app, admin, acme) = acme().await;
    let verify = async || acme.manager.get("/audit-log/verify").await.data(200);
    let whole = verify().await;
    let entries = whole["entries"].as_i64().expect("a number");
    assert_eq!(whole, json!({"valid": true, "entries": entries, "broken_at": null}));

    let of = "organization_id = (select id from organizations where slug = 'acme')";
    let broken = |at: i64| json!({"valid": false, "entries": entries, "broken_at": at});
    as_owner(&app, &format!("update audit_entries set action = 'user.delete' where sequence = 3 and {of}"))
        .await;
    assert_eq!(verify().await, broken(3), "altered");
    as_owner(
        &app,
        &format!("update audit_entries set action = 'api_key.create' where sequence = 3 and {of}"),
    )
    .await;
    as_owner(&app, &format!("update audit_entries set changes = '{{}}' where sequence = 4 and {of}")).await;
    assert_ne!(verify().await["broken_at"], json!(null), "altered");
    as_owner(&app, &format!("delete from audit_entries where sequence = 2 and {of}")).await;
    assert_eq!(verify().await["broken_at"], json!(2), "removed");

    let other = Tenant::active(&app, &admin, "other").await;
    let last = "sequence = (select max(sequence) from audit_entries where organization_id = o.id)";
    let of = "from organizations as o where o.id = organization_id and o.slug = 'other'";
    let delete = format!("delete from audit_entries using {} and {last}", of.trim_start_matches("from "));
    as_owner(
        &app,
        &delete.replace(" where o.id = organization_id", " where o.id = audit_entries.organization_id"),
    )
    .await;
    let found = other.manager.get("/audit-log/verify").await.data(200);
    assert_eq!(found["valid"], json!(false), "the last one, removed: {found}");
}

#[tokio::test]
async fn should_believe_a_proxy_only_where_the_operator_does() {
    let believing =
        Settings { trusted_proxies: "127.0.0.0/8".parse().expect("networks"), ..Settings::default() };
    for (settings, expected) in [(Settings::default(), "127.0.0.1"), (believing, "203.0.113.9")] {
        let app = App::start_as(settings).await;
        let admin = Caller::admin(&app).await.with("x-forwarded-for", "198.51.100.7");
        let admin = admin.with("x-forwarded-for", "203.0.113.9, 127.0.0.2");
        let created = admin.post("/organizations", &json!({"slug": "acme", "name": "Acme"})).await.data(201);
        let organization = text(&created["id"]);
        let entry =
            admin.get(&format!("/audit-log?resource={organization}&action=organization.create")).await;
        assert_eq!(entry.data(200)[0]["source_address"], json!(expected));
    }
}
