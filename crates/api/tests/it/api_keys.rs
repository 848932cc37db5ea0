//! `/api-keys`, and `/users/{user}/api-keys`.

use std::time::Duration;

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use sqlx::Row as _;
use tenantry_test_support::{App, eventually};

use crate::{
    caller::{Caller, text},
    tenant::Tenant,
    text::{steady, unused},
};

const DAY: Duration = Duration::from_hours(24);

async fn acme() -> (App, Caller, Tenant) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    (app, admin, acme)
}

/// A new key of the customer: the answer that made it, and whoever has it.
async fn key(acme: &Tenant, body: &Value) -> (Value, Caller) {
    let keys = format!("/users/{}/api-keys", acme.customer.user);
    let key = acme.customer.post(&keys, body).await.data(201);
    (key.clone(), acme.customer.holding(&key))
}

/// Whoever has the secret that a rotation answers.
async fn rotated(by: &Caller, api_key: &str, overlap_seconds: u32) -> Caller {
    let path = format!("/api-keys/{api_key}/rotate");
    let key = by.post(&path, &json!({ "overlap_seconds": overlap_seconds })).await.data(200);
    assert_eq!(key["id"], json!(api_key), "the key stays the same");
    by.holding(&key)
}

#[tokio::test]
async fn should_create_a_key_and_show_its_secret_once() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let keys = format!("/users/{}/api-keys", acme.customer.user);
    let body = json!({"name": "laptop", "expires_at": "2100-01-31T13:00:00+01:00"});
    let created = acme.customer.post(&keys, &body).await;
    let mut key = created.data(201);
    assert_json_snapshot!(steady(key.clone()));
    assert_eq!(key["expires_at"], json!("2100-01-31T12:00:00Z"));
    let location = format!("/api/v0/api-keys/{}", text(&key["id"]));
    assert_eq!(created.header("location"), Some(location.as_str()));
    let secret = text(&key["secret"]);
    assert!(secret.starts_with(&text(&key["prefix"])) && secret.ends_with(&text(&key["last_four"])));
    assert_eq!(Caller::anonymous(&app).with_key(&secret).await.user, acme.customer.user);

    key.as_object_mut().expect("a key").remove("secret");
    for reader in [&acme.customer, &acme.manager, &admin] {
        let read = reader.get(&format!("/api-keys/{}", text(&key["id"]))).await.data(200);
        assert_eq!(unused(read), key);
    }
}

#[tokio::test]
async fn should_list_the_keys_of_a_user_newest_first() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let keys = format!("/users/{}/api-keys", acme.customer.user);
    for number in 1..5 {
        acme.customer.post(&keys, &json!({"name": number.to_string()})).await.data(201);
    }
    for reader in [&acme.customer, &acme.manager, &admin] {
        let names: Vec<Value> = reader.walk(&keys).await.iter().map(|key| key["name"].clone()).collect();
        assert_eq!(json!(names), json!(["4", "3", "2", "1", "test"]));
    }
}

#[tokio::test]
async fn should_revoke_a_key_at_once_and_for_ever() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let path = format!("/api-keys/{}", acme.customer.api_key);
    let revoked = acme.manager.delete(&path).await;
    assert_eq!((revoked.status, revoked.text.as_str()), (204, ""));
    acme.customer.get("/me").await.problem(401, "unauthenticated");
    let at = acme.manager.get(&path).await.data(200)["revoked_at"].clone();
    assert!(at.is_string());
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(acme.manager.delete(&path).await.status, 204, "revoking again is fine");
    assert_eq!(acme.manager.get(&path).await.data(200)["revoked_at"], at, "and changes nothing");
}

#[tokio::test]
async fn should_let_somebody_revoke_the_key_that_they_use() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    assert_eq!(acme.worker.delete(&format!("/api-keys/{}", acme.worker.api_key)).await.status, 204);
    acme.worker.get("/me").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn should_say_what_is_wrong_with_a_key() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let keys = format!("/users/{}/api-keys", acme.customer.user);
    let table: &[(Value, &[&str])] = &[
        (json!({}), &["name"]),
        (json!({"name": " ", "expires_at": "tomorrow"}), &["name", "expires_at"]),
        (json!({"name": "x".repeat(101)}), &["name"]),
        (json!({"name": "x", "expires_at": "2000-01-01T00:00:00Z"}), &["expires_at"]),
        (json!({"name": "x", "expires_at": "2100-01-01"}), &["expires_at"]),
        (json!({"name": "x", "expires_at": "9999-12-31T23:59:60Z"}), &["expires_at"]),
        (json!({"name": "x", "expires_at": "9999-12-31T23:59:59-01:00"}), &["expires_at"]),
        (json!({"name": "x", "expires_at": 5}), &["expires_at"]),
        (json!({"name": "x", "secret": "tn_mine"}), &["secret"]),
        (
            json!({"scopes": ["fly"], "allowed_cidrs": ["here"], "rate_limit": {"requests": 0}, "expires_at": ""}),
            &["name", "scopes", "allowed_cidrs[0]", "rate_limit.per_seconds", "expires_at"],
        ),
        (json!({"name": "x", "scopes": []}), &["scopes"]),
        (json!({"name": "x", "scopes": ["workflow:quote"]}), &["scopes"]),
        (json!({"name": "x", "scopes": ["executions:read", "users:write"]}), &["scopes"]),
        (json!({"name": "x", "scopes": "executions:read"}), &["scopes"]),
        (json!({"name": "x", "allowed_cidrs": []}), &["allowed_cidrs"]),
        (json!({"name": "x", "allowed_cidrs": ["10.0.0.0/8", "10.0.0.1/8"]}), &["allowed_cidrs[1]"]),
        (
            json!({"name": "x", "rate_limit": {"requests": 1, "per_seconds": 86_401}}),
            &["rate_limit.per_seconds"],
        ),
        (json!({"name": "x", "rate_limit": {"requests": -1, "per_seconds": 1}}), &["rate_limit.requests"]),
        (json!({"name": "x", "rate_limit": {"per_hour": 1}}), &["rate_limit.per_hour"]),
    ];
    for (body, fields) in table {
        assert_eq!(acme.customer.post(&keys, body).await.wrong_fields(422, "invalid"), *fields, "{body}");
    }
    let path = format!("/api-keys/{}", acme.customer.api_key);
    for (body, fields) in table.iter().filter(|(body, _)| body["name"] == json!("x")) {
        assert_eq!(acme.customer.patch(&path, body).await.wrong_fields(422, "invalid"), *fields, "{body}");
    }
    for (body, field) in [
        (json!({"overlap_seconds": 2_592_001}), "overlap_seconds"),
        (json!({"overlap_seconds": -1}), "overlap_seconds"),
        (json!({"overlap": 1}), "overlap"),
    ] {
        let answer = acme.customer.post(&format!("{path}/rotate"), &body).await;
        assert_eq!(answer.wrong_fields(422, "invalid"), [field], "{body}");
    }
    for (query, field) in [
        ("unused_for_days=0", "unused_for_days"),
        ("unused_for_days=soon", "unused_for_days"),
        ("expiring_within_days=3651", "expiring_within_days"),
        ("expiring_within_days=-1", "expiring_within_days"),
        ("revoked=true", "revoked"),
    ] {
        let answer = acme.manager.get(&format!("/api-keys?{query}")).await;
        assert_eq!(answer.wrong_fields(422, "invalid"), [field], "{query}");
    }
}

#[tokio::test]
async fn should_change_a_key_and_lift_its_limits() {
    let (_app, _admin, acme) = acme().await;
    let limits = json!({
        "scopes": ["executions:read", "workflow:quote", "task_queue:own"], "allowed_cidrs": ["127.0.0.0/8", "::1/128"],
        "rate_limit": {"requests": 100, "per_seconds": 60}, "expires_at": "2100-01-31T12:00:00Z",
    });
    let mut body = limits.clone();
    body["name"] = json!("server");
    let (created, _) = key(&acme, &body).await;
    let path = format!("/api-keys/{}", text(&created["id"]));
    let says = |key: &Value, expected: &Value| {
        for (field, value) in expected.as_object().expect("fields") {
            assert_eq!(&key[field], value, "{field}");
        }
    };
    says(&created, &body);
    says(&acme.customer.patch(&path, &json!({})).await.data(200), &body);
    says(
        &acme.manager.patch(&path, &json!({"name": "another", "rate_limit": null})).await.data(200),
        &limits_but(&limits, "rate_limit"),
    );
    let changed = json!({
        "scopes": ["workflows:read"], "allowed_cidrs": ["10.0.0.0/8"],
        "rate_limit": {"requests": 1, "per_seconds": 1}, "expires_at": "2100-02-01T00:00:00Z",
    });
    says(&acme.manager.patch(&path, &changed).await.data(200), &changed);
    let lifted = json!({"scopes": null, "allowed_cidrs": null, "rate_limit": null, "expires_at": null});
    says(&acme.manager.patch(&path, &lifted).await.data(200), &lifted);
    let read = acme.customer.get(&path).await.data(200);
    says(&read, &lifted);
    assert_eq!(read["name"], json!("another"));
}

fn limits_but(limits: &Value, field: &str) -> Value {
    let mut limits = limits.clone();
    limits[field] = Value::Null;
    limits
}

#[tokio::test]
async fn should_let_the_older_secret_hold_until_the_overlap_has_passed() {
    let (app, _admin, acme) = acme().await;
    let (created, old) = key(&acme, &json!({"name": "k"})).await;
    let path = format!("/api-keys/{}", old.api_key);
    let new = rotated(&old, &old.api_key, 3600).await;
    for good in [&old, &new] {
        let api_key = &good.get("/me").await.data(200)["api_key"];
        assert_eq!(api_key["id"], created["id"]);
        assert_eq!(api_key["secrets"].as_array().map(Vec::len), Some(2), "{api_key}");
    }
    let shown = acme.customer.get(&path).await.data(200);
    assert_json_snapshot!(steady(shown.clone()));
    assert_eq!(shown["secrets"][1]["last_four"], created["last_four"]);
    assert_ne!(shown["last_four"], created["last_four"], "the key's marks are those of its newest secret");

    app.clock.advance(Duration::from_secs(3599));
    old.get("/me").await.data(200);
    app.clock.advance(Duration::from_secs(1));
    old.get("/me").await.problem(401, "unauthenticated");
    new.get("/me").await.data(200);
    let newer = rotated(&new, &old.api_key, 3600).await;
    newer.get("/me").await.data(200);
}

#[tokio::test]
async fn should_end_the_older_secret_at_once_if_nothing_is_to_overlap() {
    let (app, _admin, acme) = acme().await;
    let (_, old) = key(&acme, &json!({"name": "k"})).await;
    let path = format!("/api-keys/{}/rotate", old.api_key);
    let answer = old.send(reqwest::Method::POST, &format!("/api/v0{path}"), None).await.data(200);
    let new = Caller::anonymous(&app).with_key(&text(&answer["secret"])).await;
    old.get("/me").await.problem(401, "unauthenticated");
    new.get("/me").await.data(200);
}

#[tokio::test]
async fn should_have_two_good_secrets_at_most() {
    let (_app, _admin, acme) = acme().await;
    let (_, first) = key(&acme, &json!({"name": "k"})).await;
    let second = rotated(&acme.manager, &first.api_key, 3600).await;
    let path = format!("/api-keys/{}/rotate", first.api_key);
    let refused = acme.manager.post(&path, &json!({"overlap_seconds": 60})).await.problem(409, "conflict");
    assert!(text(&refused["detail"]).contains("overlap_seconds 0"), "{refused}");
    for good in [&first, &second] {
        good.get("/me").await.data(200);
    }
    let third = rotated(&acme.manager, &first.api_key, 0).await;
    for ended in [&first, &second] {
        ended.get("/me").await.problem(401, "unauthenticated");
    }
    third.get("/me").await.data(200);
}

#[tokio::test]
async fn should_not_bring_back_a_key_that_has_ended() {
    let (app, _admin, acme) = acme().await;
    let expires_at = (tenantry_domain::Clock::now(&*app.clock) + DAY).to_rfc3339();
    let (_, expired) = key(&acme, &json!({"name": "k", "expires_at": expires_at})).await;
    let (_, revoked) = key(&acme, &json!({"name": "k"})).await;
    expired.get("/me").await.data(200);
    app.clock.advance(DAY);
    assert_eq!(revoked.delete(&format!("/api-keys/{}", revoked.api_key)).await.status, 204);
    for ended in [&expired, &revoked] {
        ended.get("/me").await.problem(401, "unauthenticated");
        let path = format!("/api-keys/{}", ended.api_key);
        for body in [json!({"expires_at": null}), json!({"name": "x"})] {
            acme.manager.patch(&path, &body).await.problem(409, "conflict");
        }
        acme.manager.post(&format!("{path}/rotate"), &json!({})).await.problem(409, "conflict");
    }
}

#[tokio::test]
async fn should_know_nobody_by_a_key_that_comes_from_outside_its_networks() {
    let (app, _admin, acme) = acme().await;
    let unknown = format!("Bearer {}", tenantry_domain::Secret::generate().expect("randomness").reveal());
    let unknown = Caller::anonymous(&app).presenting(&[&unknown]).get("/me").await;
    let elsewhere = json!({"name": "k", "allowed_cidrs": ["203.0.113.0/24", "::/0"]});
    let (created, outside) = key(&acme, &elsewhere).await;
    assert_eq!(outside.get("/me").await.indistinct(), unknown.indistinct());
    let (_, inside) =
        key(&acme, &json!({"name": "k", "allowed_cidrs": ["2001:db8::/32", "127.0.0.0/8"]})).await;
    inside.get("/me").await.data(200);

    let path = format!("/api-keys/{}", outside.api_key);
    acme.customer.patch(&path, &json!({"allowed_cidrs": ["127.0.0.1"]})).await.data(200);
    outside.get("/me").await.data(200);
    acme.customer.patch(&path, &json!({"allowed_cidrs": created["allowed_cidrs"]})).await.data(200);
    assert_eq!(outside.get("/me").await.indistinct(), unknown.indistinct());
}

#[tokio::test]
async fn should_not_count_what_is_refused_as_a_use() {
    let (_app, _admin, acme) = acme().await;
    let (_, outside) = key(&acme, &json!({"name": "k", "allowed_cidrs": ["203.0.113.0/24"]})).await;
    let (_, used) = key(&acme, &json!({"name": "k"})).await;
    outside.get("/me").await.problem(401, "unauthenticated");
    used.get("/me").await.data(200);
    // Both would be written together.
    eventually("written", || async {
        let key = acme.customer.get(&format!("/api-keys/{}", used.api_key)).await.data(200);
        key["last_used_at"].as_str().map(ToOwned::to_owned)
    })
    .await;
    let key = acme.customer.get(&format!("/api-keys/{}", outside.api_key)).await.data(200);
    assert_eq!(key["last_used_at"], Value::Null);
}

#[tokio::test]
async fn should_have_written_when_and_from_where_a_key_was_used_when_it_has_stopped() {
    let (app, _admin, acme) = acme().await;
    let (_, old) = key(&acme, &json!({"name": "k"})).await;
    let new = rotated(&acme.customer, &old.api_key, 3600).await;
    let before = tenantry_domain::Clock::now(&*app.clock);
    app.clock.advance(Duration::from_mins(1));
    old.get("/me").await.data(200);
    app.clock.advance(Duration::from_mins(1));
    new.get("/me").await.data(200);
    let database = app.database.clone();
    app.stop().await;

    let query =
        "select last_used_at, last_used_address from api_key_secrets where api_key_id = $1 order by ends_at";
    let id = old.api_key.parse::<tenantry_domain::ApiKeyId>().expect("an id").uuid();
    let rows = sqlx::query(query).bind(id).fetch_all(&mut database.owner().await).await.expect("the secrets");
    let minutes: Vec<i64> = rows
        .iter()
        .map(|row| (row.get::<tenantry_domain::Timestamp, _>("last_used_at") - before).num_minutes())
        .collect();
    assert_eq!(minutes, [1, 2], "the older secret and the newer, each for itself");
    assert!(rows.iter().all(|row| row.get::<&str, _>("last_used_address") == "127.0.0.1"));
}

#[tokio::test]
async fn should_list_the_keys_of_everybody_that_nobody_uses_or_that_end_soon() {
    let (app, admin, acme) = acme().await;
    let expires_at = (tenantry_domain::Clock::now(&*app.clock) + DAY * 40).to_rfc3339();
    let (_, ending) = key(&acme, &json!({"name": "ending", "expires_at": expires_at})).await;
    let (_, used) = key(&acme, &json!({"name": "used"})).await;
    let (_, revoked) = key(&acme, &json!({"name": "revoked"})).await;
    acme.customer.delete(&format!("/api-keys/{}", revoked.api_key)).await;
    app.clock.advance(DAY * 35);
    for caller in [&used, &acme.manager, &acme.worker] {
        caller.get("/me").await.data(200);
    }
    let names = async |caller: &Caller, query: &str| {
        let keys = caller.get(&format!("/api-keys{query}")).await.data(200);
        keys.as_array().expect("a list").iter().map(|key| text(&key["name"])).collect::<Vec<_>>()
    };
    let unused = eventually("the uses are written", || async {
        let names = names(&acme.manager, "?unused_for_days=30").await;
        (names.len() == 2).then_some(names)
    });
    assert_eq!(unused.await, ["ending", "test"], "the customer's first key, too");
    assert_eq!(names(&acme.manager, "?expiring_within_days=5").await, ["ending"]);
    assert_eq!(names(&acme.manager, "?expiring_within_days=4").await, [""; 0]);
    assert_eq!(names(&acme.manager, "?expiring_within_days=5&unused_for_days=36").await, [""; 0]);
    let all = ["revoked", "used", "ending", "test", "test", "test"];
    assert_eq!(names(&acme.manager, "").await, all);
    assert_eq!(names(&admin.inside("acme"), "").await, all);
    assert_eq!(acme.manager.walk("/api-keys").await.len(), all.len());
    for caller in [&acme.customer, &acme.worker, &ending] {
        caller.get("/api-keys").await.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn should_record_each_change_of_a_key_and_each_refusal_without_its_secret() {
    let (_app, _admin, acme) = acme().await;
    let limits = json!({"name": "k", "scopes": ["executions:read"], "allowed_cidrs": ["127.0.0.0/8"]});
    let (created, old) = key(&acme, &limits).await;
    let path = format!("/api-keys/{}", old.api_key);
    let changes = json!({"name": "x", "scopes": null, "rate_limit": {"requests": 1, "per_seconds": 1}});
    acme.customer.patch(&path, &changes).await.data(200);
    acme.customer.patch(&path, &changes).await.data(200);
    let answer = acme.customer.post(&format!("{path}/rotate"), &json!({"overlap_seconds": 60})).await;
    let narrow = json!({"name": "k", "scopes": ["identity:use"]});
    let (_, narrow) = key(&acme, &narrow).await;
    narrow.patch(&path, &json!({"name": "y"})).await.problem(403, "forbidden");
    narrow.post(&format!("{path}/rotate"), &json!({})).await.problem(403, "forbidden");

    let log = acme.manager.get(&format!("/audit-log?resource={}", old.api_key)).await.data(200);
    let entries: Vec<_> = log
        .as_array()
        .expect("a list")
        .iter()
        .rev()
        .map(|entry| (text(&entry["action"]), text(&entry["outcome"]), entry["changes"].clone()))
        .collect();
    let entry = |action: &str, outcome: &str, changes| (action.to_owned(), outcome.to_owned(), changes);
    let expected = [
        entry(
            "api_key.create",
            "ok",
            json!({
                "user_id": acme.customer.user, "expires_at": null, "scopes": ["executions:read"],
                "allowed_cidrs": ["127.0.0.0/8"], "rate_limit": null,
            }),
        ),
        entry(
            "api_key.update",
            "ok",
            json!({
                "name": "changed", "scopes": [["executions:read"], null],
                "rate_limit": [null, {"requests": 1, "per_seconds": 1}],
            }),
        ),
        entry("api_key.rotate", "ok", json!({"user_id": acme.customer.user, "overlap_seconds": 60})),
        entry("api_key.update", "denied", Value::Null),
        entry("api_key.rotate", "denied", Value::Null),
    ];
    assert_eq!(entries, expected);
    let everything = acme.manager.get("/audit-log?limit=200").await.text;
    for secret in [text(&created["secret"]), text(&answer.data(200)["secret"])] {
        let hash = tenantry_domain::Secret::parse(&secret).expect("a secret").hash();
        let hash = hash.as_bytes().iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
        assert!(!everything.contains(&secret[3..]) && !everything.contains(&hash));
    }
}
