//! Organizations.

use serde_json::json;

use crate::{
    answers::{data, me, organization, unavailable},
    stand_in::{Answer, StandIn},
    tenantry::Tenantry,
};

const CREATE: [&str; 5] = ["org", "create", "acme", "--name", "Acme"];

#[tokio::test]
async fn should_wait_until_an_organization_is_active_even_through_an_outage() {
    let provisioning = data(&organization("provisioning"));
    let active = data(&organization("active"));
    let server = StandIn::new([provisioning.clone(), provisioning, unavailable(), active]).await;
    let left = Tenantry::at(&server.url).run(&CREATE).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    insta::assert_snapshot!(left.stdout);
    assert_eq!(server.asked_lines().len(), 4);
}

#[tokio::test]
async fn should_return_at_once_when_told() {
    let server = StandIn::new([data(&organization("provisioning"))]).await;
    let left = Tenantry::at(&server.url).run(&[&CREATE[..], &["--no-wait", "-o", "json"]].concat()).await;
    assert_eq!((left.status, left.stdout), (Some(0), format!("{:#}\n", organization("provisioning"))));
    assert_eq!(server.asked_lines(), ["POST /api/v0/organizations"]);
}

#[tokio::test]
async fn should_fail_when_the_provisioning_does() {
    let mut failed = organization("provisioning_failed");
    failed["status_reason"] = json!("Temporal refuses the namespace");
    let server = StandIn::new([data(&organization("provisioning")), data(&failed)]).await;
    let left = Tenantry::at(&server.url).run(&CREATE).await;
    assert_eq!(left.status, Some(1));
    assert!(left.stdout.contains("provisioning_failed"), "{}", left.stdout);
    assert!(
        left.stderr.starts_with("error[provisioning_failed]: Temporal refuses the namespace\n"),
        "{}",
        left.stderr
    );
}

#[tokio::test]
async fn should_make_users_in_the_named_organization_or_else_in_the_callers_own() {
    let user = me()["user"].clone();
    let server = StandIn::new([data(&user), data(&me()), data(&user)]).await;
    let tenantry = Tenantry::at(&server.url);
    let create = ["user", "create", "--name", "Ada", "--email", "ada@example.com", "--role", "manager"];
    tenantry.run(&[&create[..], &["--org", "beta"]].concat()).await;
    tenantry.run(&create).await;
    let lines =
        ["POST /api/v0/organizations/beta/users", "GET /api/v0/me", "POST /api/v0/organizations/org_1/users"];
    assert_eq!(server.asked_lines(), lines);
    assert_eq!(server.asked()[0].header("tenantry-organization"), Some("beta"));
    assert_eq!(server.asked()[0].body, r#"{"name":"Ada","role":"manager","email":"ada@example.com"}"#);
}

#[tokio::test]
async fn should_wait_until_nothing_is_left_of_an_organization() {
    let log = |entries: serde_json::Value| Answer::new(200, json!({"data": entries, "next_cursor": null}));
    let erased = json!([{
        "id": "aud_1", "organization_id": "org_0", "at": "2026-01-31T12:00:00Z", "actor": {}, "outcome": "ok",
        "action": "organization.erase", "resource": {"type": "organization", "id": "org_1"},
    }]);
    let active = data(&organization("active"));
    let server =
        StandIn::new([active, Answer::new(202, ""), log(json!([])), unavailable(), log(erased)]).await;
    let delete = ["org", "delete", "acme", "--confirm", "acme", "--wait", "--org", "acme"];
    let left = Tenantry::at(&server.url).run(&delete).await;
    assert_eq!(
        (left.status, left.stdout.as_str()),
        (Some(0), "acme is gone, and so is all it owned\n"),
        "{}",
        left.stderr
    );
    let asked = server.asked();
    assert_eq!(asked[1].line, "DELETE /api/v0/organizations/acme?confirm=acme");
    assert_eq!(asked[2].line, "GET /api/v0/audit-log?action=organization.erase&resource=org_1&limit=1");
    // The organization is gone, so nobody can act in it.
    assert_eq!(asked[2].header("tenantry-organization"), None);
}

#[tokio::test]
async fn should_show_ones_own_organization_when_none_is_named() {
    let numbers = data(&json!({"users": 3}));
    let server = StandIn::new([data(&me()), numbers.clone(), numbers.clone(), numbers]).await;
    let tenantry = Tenantry::at(&server.url);
    for arguments in [
        &["org", "usage"][..],
        &["org", "usage", "--org", "beta"],
        &["org", "quotas", "acme", "--org", "beta"],
    ] {
        assert_eq!(tenantry.run(arguments).await.stdout, "users  3\n");
    }
    let lines = server.asked_lines();
    assert_eq!(lines[1], "GET /api/v0/organizations/org_1/usage");
    assert_eq!(lines[2], "GET /api/v0/organizations/beta/usage");
    assert_eq!(lines[3], "GET /api/v0/organizations/acme/quotas");
}
