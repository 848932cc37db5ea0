//! `/organizations`.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use tenantry_test_support::App;

use crate::{
    caller::{Caller, text},
    tenant::Tenant,
    text::steady,
};

#[tokio::test]
async fn should_create_an_organization_and_make_it_active() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let created = admin.post("/organizations", &json!({"slug": "acme", "name": "  Acme Ltd. "})).await;
    let organization = created.data(201);
    assert_json_snapshot!(steady(organization.clone()));
    let location = format!("/api/v0/organizations/{}", text(&organization["id"]));
    assert_eq!(created.header("location"), Some(location.as_str()));

    app.active(&text(&organization["id"])).await;
    let by_id = admin.get(&format!("/organizations/{}", text(&organization["id"]))).await.data(200);
    assert_eq!(by_id, admin.get("/organizations/acme").await.data(200));
    for (member, value) in [("status", json!("active")), ("status_reason", Value::Null)] {
        assert_eq!(by_id[member], value);
    }
    for unchanged in ["id", "slug", "name", "namespace", "created_at"] {
        assert_eq!(by_id[unchanged], organization[unchanged], "{unchanged}");
    }
}

#[tokio::test]
async fn should_show_everybody_but_a_worker_their_own_organization() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    for caller in [&acme.manager, &acme.customer] {
        for name in [&acme.slug, &acme.id] {
            let organization = caller.get(&format!("/organizations/{name}")).await.data(200);
            assert_eq!(organization["id"], json!(acme.id));
        }
    }
    acme.worker.get("/organizations/acme").await.problem(403, "forbidden");
}

#[tokio::test]
async fn should_list_all_organizations_newest_first_to_an_admin() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    for number in 0..5 {
        let body = json!({"slug": format!("org-{number}"), "name": "One"});
        admin.post("/organizations", &body).await.data(201);
    }
    let listed = admin.walk("/organizations").await;
    let slugs: Vec<String> = listed.iter().map(|organization| text(&organization["slug"])).collect();
    // The system organization's id is random, so it can be anywhere.
    let ours: Vec<&String> = slugs.iter().filter(|slug| *slug != "system").collect();
    assert_eq!(ours, ["org-4", "org-3", "org-2", "org-1", "org-0"]);
    assert_eq!(slugs.len(), 6);
}

#[tokio::test]
async fn should_say_what_is_wrong_with_an_organization() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let long = "x".repeat(201);
    let table: &[(Value, &[&str])] = &[
        (json!({}), &["slug", "name"]),
        (json!({"slug": "A B", "name": ""}), &["slug", "name"]),
        (json!({"slug": "acme", "name": "a\u{0}b"}), &["name"]),
        (json!({"slug": "acme", "name": long}), &["name"]),
        (json!({"slug": "ab", "name": "x"}), &["slug"]),
        (json!({"slug": "acme-", "name": "x"}), &["slug"]),
        (json!({"slug": "system", "name": "x"}), &["slug"]),
        (json!({"slug": "admin", "name": "x"}), &["slug"]),
        (json!({"slug": 5, "name": "x"}), &["slug"]),
        (json!({"slug": "acme", "name": "x", "colour": "red"}), &["colour"]),
    ];
    for (body, fields) in table {
        assert_eq!(admin.post("/organizations", body).await.wrong_fields(422, "invalid"), *fields, "{body}");
    }
    let problem = admin.with("x-request-id", "one").post("/organizations", &table[1].0).await;
    assert_json_snapshot!(problem.problem(422, "invalid"));
}

#[tokio::test]
async fn should_refuse_a_slug_that_another_organization_has() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let body = json!({"slug": "acme", "name": "Acme"});
    admin.post("/organizations", &body).await.data(201);
    let problem = admin.post("/organizations", &body).await.problem(409, "conflict");
    assert_eq!(problem["detail"], json!("another organization has this slug"));
}

#[tokio::test]
async fn should_find_nothing_under_a_name_that_no_organization_can_have() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let missing = admin.get("/organizations/nowhere").await;
    missing.problem(404, "not_found");
    for name in
        ["Nowhere", "org_01h455vb4pex5vsknk084sn02q", "org_", "%00", "a%00b", "%F0%9F%A6%80", "x%27--"]
    {
        let answer = admin.get(&format!("/organizations/{name}")).await;
        assert_eq!(answer.indistinct(), missing.indistinct(), "{name}");
    }
}
