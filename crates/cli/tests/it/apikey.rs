//! API keys.

use serde_json::{Value, json};

use crate::{
    answers::{data, key, me},
    stand_in::{Answer, StandIn},
    tenantry::Tenantry,
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
async fn should_revoke() {
    let server = StandIn::new([Answer::new(204, "")]).await;
    let left = Tenantry::at(&server.url).run(&["apikey", "revoke", "key_1"]).await;
    assert_eq!((left.status, left.stdout.as_str()), (Some(0), "revoked key_1\n"));
}
