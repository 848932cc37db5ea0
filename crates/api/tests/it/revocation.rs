//! Rights that end: at once where they are ended, in a moment on every other node, and without delay on one that does not hear.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tenantry_test_support::{App, Database, Servers, eventually};
use tokio::task::JoinSet;

use crate::{
    caller::{Caller, text},
    tenant::Tenant,
};

/// Far less than the time for which anything is kept.
const MOMENT: Duration = Duration::from_secs(10);

/// Two nodes of one deployment.
async fn two_nodes() -> (App, App) {
    let database = Database::migrated().await;
    let temporal = &Servers::get().temporal_address;
    (App::start_with(temporal, database.clone()).await, App::start_with(temporal, database).await)
}

/// What the answer to `/me` says of its caller, once it is what is expected.
async fn until(caller: &Caller, expected: &Value) {
    let told = async { while me(caller).await != *expected {} };
    tokio::time::timeout(MOMENT, told).await.expect("in a moment");
}

async fn me(caller: &Caller) -> Value {
    let answer = caller.get("/me").await;
    match answer.status {
        200 => json!([200, answer.data(200)["role"], answer.data(200)["organization"]["name"]]),
        status => json!([status, answer.json()["code"]]),
    }
}

/// Each way in which rights change: what is asked of the admin, and what the customer's `/me` says from then on.
fn changes(acme: &Tenant) -> Vec<(Method, String, Option<Value>, Value)> {
    let user = format!("/users/{}", acme.customer.user);
    let (acme_path, key) =
        (format!("/organizations/{}", acme.slug), format!("/api-keys/{}", acme.customer.api_key));
    let name = format!("The {} company", acme.slug);
    let refused = json!([401, "unauthenticated"]);
    vec![
        (Method::PATCH, user.clone(), Some(json!({"role": "manager"})), json!([200, "manager", name])),
        (Method::PATCH, user.clone(), Some(json!({"role": "customer"})), json!([200, "customer", name])),
        (Method::PATCH, user.clone(), Some(json!({"status": "disabled"})), refused.clone()),
        (Method::PATCH, user, Some(json!({"status": "active"})), json!([200, "customer", name])),
        (Method::PATCH, acme_path.clone(), Some(json!({"name": "New"})), json!([200, "customer", "New"])),
        (Method::POST, format!("{acme_path}/suspend"), None, json!([403, "organization_suspended"])),
        (Method::POST, format!("{acme_path}/resume"), None, json!([200, "customer", "New"])),
        (Method::DELETE, key, None, refused),
    ]
}

async fn change(admin: &Caller, method: &Method, path: &str, body: Option<&Value>) {
    let body = body.map(ToString::to_string);
    let body = body.as_deref().map(|body| ("application/json", body));
    let answer = admin.send(method.clone(), &format!("/api/v0{path}"), body).await;
    assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
}

#[tokio::test]
async fn should_count_every_change_of_rights_at_once_on_the_node_that_made_it() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    for (method, path, body, expected) in changes(&acme) {
        me(&acme.customer).await;
        change(&admin, &method, &path, body.as_ref()).await;
        assert_eq!(me(&acme.customer).await, expected, "{method} {path} {body:?}");
    }
    let manager = acme.manager.get("/me").await;
    assert_eq!(manager.status, 200);
    admin.delete("/organizations/acme?confirm=acme").await;
    assert_eq!(me(&acme.manager).await, json!([401, "unauthenticated"]));
}

#[tokio::test]
async fn should_count_every_change_of_rights_in_a_moment_on_another_node() {
    let (here, there) = two_nodes().await;
    let admin = Caller::admin(&here).await;
    let acme = Tenant::active(&here, &admin, "acme").await;
    let customer_there = Caller::anonymous(&there).with_key(&acme.customer.secret).await;
    for (method, path, body, expected) in changes(&acme) {
        me(&customer_there).await;
        change(&admin, &method, &path, body.as_ref()).await;
        until(&customer_there, &expected).await;
    }
}

#[tokio::test]
async fn should_hear_of_what_is_changed_in_the_database_by_hand() {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await;
    assert_eq!(acme.customer.get("/me").await.status, 200);
    let mut owner = app.database.owner().await;
    let disable = "update users set status = 'disabled' where role = 'customer'";
    sqlx::query(disable).execute(&mut owner).await.expect("the owner may");
    until(&acme.customer, &json!([401, "unauthenticated"])).await;
}

#[tokio::test]
async fn should_not_bring_a_revoked_key_back_when_it_is_looked_up_while_it_is_revoked() {
    let (here, there) = two_nodes().await;
    let admin = Caller::admin(&here).await;
    Tenant::new(&admin, "acme").await;
    for round in 0..8 {
        let worker = json!({"kind": "service", "name": format!("Worker {round}"), "role": "worker"});
        let user = text(&admin.post("/organizations/acme/users", &worker).await.data(201)["id"]);
        let key = admin.post(&format!("/users/{user}/api-keys"), &json!({"name": "test"})).await.data(201);
        let anonymous = Caller::anonymous(&there);
        // Nobody has used the key there: these look it up, and keep what they find.
        let mut using = JoinSet::new();
        for _ in 0..4 {
            let caller = anonymous.presenting(&[&format!("Bearer {}", text(&key["secret"]))]);
            // Together they may ask too often, which is no refusal of the key.
            using.spawn(async move { while caller.get("/me").await.status != 401 {} });
        }
        admin.delete(&format!("/api-keys/{}", text(&key["id"]))).await;
        tokio::time::timeout(MOMENT, using.join_all()).await.expect("refused in a moment");
        let caller = anonymous.presenting(&[&format!("Bearer {}", text(&key["secret"]))]);
        for _ in 0..5 {
            assert_eq!(caller.get("/me").await.status, 401, "round {round}");
        }
    }
}

#[tokio::test]
async fn should_ask_the_database_while_it_does_not_hear() {
    let database = Database::migrated().await;
    let (mut hearing, behind_link) = database.behind_link();
    hearing.open();
    let temporal = &Servers::get().temporal_address;
    let here = App::start_with(temporal, database.clone()).await;
    let deaf = App::start_hearing(temporal, database, &behind_link).await;
    let admin = Caller::admin(&here).await;
    let acme = Tenant::new(&admin, "acme").await;
    let there = Caller::anonymous(&deaf).with_key(&acme.customer.secret).await;
    let heard = Caller::anonymous(&deaf).with_key(&acme.worker.secret).await;

    hearing.cut().await;
    // That nobody speaks to it any more it finds when it asks.
    let user = format!("/users/{}", acme.customer.user);
    change(&admin, &Method::PATCH, &user, Some(&json!({"role": "manager"}))).await;
    eventually("it knows that it is deaf", || async {
        (there.get("/me").await.data(200)["role"] == json!("manager")).then_some(())
    })
    .await;
    for role in ["customer", "manager", "customer"] {
        change(&admin, &Method::PATCH, &user, Some(&json!({"role": role}))).await;
        assert_eq!(there.get("/me").await.data(200)["role"], json!(role), "at once");
    }
    assert_eq!(heard.get("/me").await.status, 200);

    // While it was deaf this one's key ended; when it hears again, nothing from before holds.
    admin.delete(&format!("/api-keys/{}", acme.worker.api_key)).await;
    hearing.open();
    eventually("it hears again", || async { (heard.get("/me").await.status == 401).then_some(()) }).await;
}
