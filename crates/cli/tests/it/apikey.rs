//! API keys.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    answers::{data, key, me},
    member::Member,
    running::Dev,
    stand_in::{Answer, StandIn},
    tenantry::{Tenantry, words},
};

fn created() -> Value {
    let mut created = key();
    created["secret"] = json!("tn_the_secret");
    created
}

#[tokio::test]
async fn should_show_a_secret_once_and_on_stdout_alone() {
    let server = StandIn::new([data(&created())]).await;
    let left =
        Tenantry::at(&server.url).run(&["apikey", "create", "--user", "usr_1", "--name", "laptop"]).await;
    assert_eq!(left.status, Some(0));
    assert_eq!(left.stdout.matches("tn_the_secret").count(), 1);
    assert!(!left.stderr.contains("tn_the_secret"));
    insta::assert_snapshot!(left.stdout);
}

#[tokio::test]
async fn should_give_programs_the_secret_in_its_own_field() {
    let server = StandIn::new([data(&me()), data(&created())]).await;
    let expiry = ["--expires-at", "2030-01-01T01:00:00+01:00"];
    let arguments = [&["apikey", "create", "--name", "laptop", "-o", "json"][..], &expiry].concat();
    let left = Tenantry::at(&server.url).run(&arguments).await;
    let printed: Value = serde_json::from_str(&left.stdout).expect("JSON");
    assert_eq!(printed["secret"], "tn_the_secret");
    assert_eq!(server.asked_lines(), ["GET /api/v0/me", "POST /api/v0/users/usr_me/api-keys"]);
    assert_eq!(server.asked()[1].body, r#"{"name":"laptop","expires_at":"2030-01-01T00:00:00Z"}"#);
}

#[tokio::test]
async fn should_limit_a_new_key() {
    let server = StandIn::new([data(&created())]).await;
    let line = "apikey create --user usr_1 --name ci --scope executions:start --scope workflow:quote \
                --allow-cidr 192.0.2.0/24 --rate-limit 100/60";
    let left = Tenantry::at(&server.url).run(&words(line)).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    let expected = json!({
        "name": "ci", "scopes": ["executions:start", "workflow:quote"], "allowed_cidrs": ["192.0.2.0/24"],
        "rate_limit": {"requests": 100, "per_seconds": 60},
    });
    assert_eq!(server.asked()[0].body, expected.to_string());
}

#[tokio::test]
async fn should_change_what_is_said_and_lift_what_is_not_wanted() {
    for (line, expected) in [
        ("--name server", json!({"name": "server"})),
        ("--scope audit:read --no-cidrs", json!({"scopes": ["audit:read"], "allowed_cidrs": null})),
        (
            "--rate-limit 1/1 --no-scopes",
            json!({"scopes": null, "rate_limit": {"requests": 1, "per_seconds": 1}}),
        ),
        ("--no-expiry --no-rate-limit", json!({"rate_limit": null, "expires_at": null})),
        ("--expires-at 2030-01-01T01:00:00+01:00", json!({"expires_at": "2030-01-01T00:00:00Z"})),
    ] {
        let server = StandIn::new([data(&key())]).await;
        let line = format!("apikey update key_1 {line}");
        let left = Tenantry::at(&server.url).run(&words(&line)).await;
        assert_eq!(left.status, Some(0), "{}", left.stderr);
        assert_eq!(server.asked_lines(), ["PATCH /api/v0/api-keys/key_1"]);
        assert_eq!(server.asked()[0].body, expected.to_string(), "{line}");
    }
}

#[tokio::test]
async fn should_show_a_new_secret_once_and_when_each_was_used() {
    let mut rotated = created();
    let secret = |last_four: &str, ends_at: Option<&str>| {
        json!({
            "prefix": "tn_abcd", "last_four": last_four, "created_at": "2026-01-31T12:00:00Z", "ends_at": ends_at,
            "last_used_at": ends_at, "last_used_address": ends_at.map(|_| "192.0.2.1"),
        })
    };
    rotated["secrets"] = json!([secret("wxyz", None), secret("stuv", Some("2026-02-01T12:00:00Z"))]);
    let server = StandIn::new([data(&rotated), data(&rotated)]).await;
    let tenantry = Tenantry::at(&server.url);
    let left = tenantry.run(&words("apikey rotate key_1 --overlap 1d")).await;
    insta::assert_snapshot!(left.stdout);
    assert!(!left.stderr.contains("tn_the_secret"));
    let left = tenantry.run(&words("apikey rotate key_1 -o json")).await;
    assert_eq!(left.stdout, format!("{rotated:#}\n"));
    assert_eq!(server.asked_lines(), ["POST /api/v0/api-keys/key_1/rotate"; 2]);
    let bodies: Vec<String> = server.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(bodies, [r#"{"overlap_seconds":86400}"#, r#"{"overlap_seconds":0}"#]);
}

#[tokio::test]
async fn should_list_the_keys_of_everybody_that_a_filter_lets_through() {
    for (line, asked) in [
        ("--everyone", "GET /api/v0/api-keys"),
        ("--unused-for-days 90", "GET /api/v0/api-keys?unused_for_days=90"),
        (
            "--expiring-within-days 7 --unused-for-days 1",
            "GET /api/v0/api-keys?unused_for_days=1&expiring_within_days=7",
        ),
        ("--user usr_1", "GET /api/v0/users/usr_1/api-keys"),
    ] {
        let server = StandIn::new([Answer::new(200, json!({"data": [key()], "next_cursor": null}))]).await;
        let left = Tenantry::at(&server.url).run(&words(&format!("apikey list {line}"))).await;
        assert_eq!(left.status, Some(0), "{}", left.stderr);
        assert_eq!(server.asked_lines(), [asked]);
    }
}

#[tokio::test]
async fn should_lead_a_real_key_through_its_life() {
    let user = Tenantry::developer();
    let dev = Dev::start(&user).await;
    let ada = Member::of(&dev.admin(), dev.url(), "acme").await;
    let limits = "--scope identity:use --scope workflows:read --allow-cidr 127.0.0.0/8 --expires-in 30d";
    let key = ada.tenantry.answer(&words(&format!("apikey create --name ci {limits}"))).await;
    let id = key["id"].as_str().expect("an id");
    let with = |key: &Value| Tenantry::with_key(dev.url(), key["secret"].as_str().expect("a secret"));
    let old = with(&key);
    old.answer(&["workflow", "list"]).await;
    let refused = old.run(&["audit", "list"]).await;
    assert_eq!(refused.status, Some(3), "{}", refused.stderr);

    let new = with(&ada.tenantry.answer(&["apikey", "rotate", id, "--overlap", "1h"]).await);
    for good in [&old, &new] {
        assert_eq!(good.answer(&["me"]).await["permissions"], json!(["identity:use", "workflows:read"]));
    }
    let shown = ada.tenantry.answer(&["apikey", "get", id]).await;
    assert_eq!(shown["secrets"].as_array().map(Vec::len), Some(2));
    let newest = with(&ada.tenantry.answer(&["apikey", "rotate", id]).await);
    for ended in [&old, &new] {
        assert_eq!(ended.run(&["me"]).await.status, Some(3));
    }
    let elsewhere = ["apikey", "update", id, "--allow-cidr", "192.0.2.0/24"];
    assert_eq!(ada.tenantry.answer(&elsewhere).await["allowed_cidrs"], json!(["192.0.2.0/24"]));
    assert_eq!(newest.run(&["me"]).await.status, Some(3));
    let ending = ada.tenantry.answer(&["apikey", "list", "--expiring-within-days", "31"]).await;
    assert_eq!(ending.as_array().map(Vec::len), Some(1), "{ending}");
    assert_eq!(ending[0]["id"], json!(id));
    dev.stop(Signal::INT).await;
}

#[tokio::test]
async fn should_revoke() {
    let server = StandIn::new([Answer::new(204, "")]).await;
    let left = Tenantry::at(&server.url).run(&["apikey", "revoke", "key_1"]).await;
    assert_eq!((left.status, left.stdout.as_str()), (Some(0), "revoked key_1\n"));
}
