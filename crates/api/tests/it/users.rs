//! `/users`, and `/organizations/{org}/users`.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use tenantry_test_support::App;

use crate::{
    caller::{Caller, text},
    tenant::Tenant,
    text::steady,
};

const USERS: &str = "/organizations/acme/users";

#[tokio::test]
async fn should_create_people_and_service_accounts() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let person = json!({"email": " Ada@Example.COM", "name": "Ada", "role": "customer"});
    let service = json!({"kind": "service", "name": "Robot", "role": "worker"});
    let mut made = Vec::new();
    for body in [person, service] {
        let created = acme.manager.post(USERS, &body).await;
        let user = created.data(201);
        let id = text(&user["id"]);
        assert_eq!(created.header("location"), Some(format!("/api/v0/users/{id}").as_str()));
        assert_eq!(user["organization_id"], json!(acme.id));
        for reader in [&acme.manager, &admin] {
            assert_eq!(reader.get(&format!("/users/{id}")).await.data(200), user);
        }
        made.push(steady(user));
    }
    assert_json_snapshot!(made);
}

#[tokio::test]
async fn should_list_the_users_of_an_organization_newest_first() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let newest_first = json!([acme.worker.user, acme.customer.user, acme.manager.user]);
    for path in [USERS.to_owned(), format!("/organizations/{}/users", acme.id)] {
        for reader in [&acme.manager, &admin] {
            let ids: Vec<Value> = reader.walk(&path).await.iter().map(|user| user["id"].clone()).collect();
            assert_eq!(json!(ids), newest_first);
        }
    }
}

#[tokio::test]
async fn should_say_what_is_wrong_with_a_user() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let table: &[(Value, &[&str])] = &[
        (json!({}), &["name", "role", "email"]),
        (
            json!({"email": "nobody", "name": "", "role": "king", "kind": "cat"}),
            &["kind", "name", "role", "email"],
        ),
        (json!({"kind": "service", "email": "a@b.example", "name": "x", "role": "worker"}), &["email"]),
        (json!({"kind": "service", "name": "x"}), &["role"]),
        (json!({"email": "a@b.example", "name": "x", "role": "worker"}), &["role"]),
        (json!({"email": "a@b.example", "name": "x", "role": "customer", "id": "usr_1"}), &["id"]),
        (json!({"email": ["a@b.example"], "name": "x", "role": "customer"}), &["email"]),
    ];
    for (body, fields) in table {
        assert_eq!(acme.manager.post(USERS, body).await.wrong_fields(422, "invalid"), *fields, "{body}");
    }
    let problem = acme.manager.with("x-request-id", "one").post(USERS, &table[1].0).await;
    assert_json_snapshot!(problem.problem(422, "invalid"));
}

#[tokio::test]
async fn should_have_an_address_once_in_each_organization() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let (acme, other_org) = (Tenant::new(&admin, "acme").await, Tenant::new(&admin, "other").await);
    let body = |email| json!({"email": email, "name": "Ada", "role": "customer"});
    acme.manager.post(USERS, &body("ada@example.com")).await.data(201);
    acme.manager.post(USERS, &body("ADA@example.com")).await.problem(409, "conflict");
    other_org.manager.post("/organizations/other/users", &body("ada@example.com")).await.data(201);
}

#[tokio::test]
async fn should_let_an_admin_name_the_organization_in_either_way() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    let path = format!("/users/{}", acme.customer.user);
    for inside in [admin.clone(), admin.inside("acme"), admin.inside(&acme.id)] {
        assert_eq!(inside.get(&path).await.data(200)["id"], json!(acme.customer.user));
    }
    admin.inside("system").get(&path).await.problem(404, "not_found");
    admin.inside("nowhere").get(&path).await.problem(404, "not_found");
}
