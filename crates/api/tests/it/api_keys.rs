//! `/api-keys`, and `/users/{user}/api-keys`.

use std::time::Duration;

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use tenantry_test_support::App;

use crate::{
    caller::{Caller, text},
    tenant::Tenant,
    text::steady,
};

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
        assert_eq!(reader.get(&format!("/api-keys/{}", text(&key["id"]))).await.data(200), key);
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
        (json!({"name": "x", "expires_at": 5}), &["expires_at"]),
        (json!({"name": "x", "secret": "tn_mine"}), &["secret"]),
    ];
    for (body, fields) in table {
        assert_eq!(acme.customer.post(&keys, body).await.wrong_fields(422, "invalid"), *fields, "{body}");
    }
}
