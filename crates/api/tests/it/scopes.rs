//! Keys that may do less than their users: what they can reach, and that they lead to nothing more.

use std::fmt::Write as _;

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use tenantry_domain::{Permission, Role};
use tenantry_test_support::App;

use crate::{
    caller::{BASE, Caller, text},
    operations::{Kind, Names, OPERATIONS},
    tenant::{QUOTE, Tenant, execution_in},
};

/// Whoever has a new key of this user, limited to these words.
pub(crate) async fn limited(by: &Caller, user: &Caller, scopes: &[&str]) -> Caller {
    let body = json!({"name": "limited", "scopes": scopes});
    let key = by.post(&format!("/users/{}/api-keys", user.user), &body).await.data(201);
    user.holding(&key)
}

async fn acme() -> (App, Caller, Tenant) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    (app, admin, acme)
}

/// The same definition under another name.
fn named(name: &str) -> String {
    QUOTE.replace("quote", name)
}

#[tokio::test]
async fn should_allow_by_each_permission_alone_what_the_table_says() {
    let (_app, admin, acme) = acme().await;
    let execution = acme.start().await;
    execution_in(&acme.customer, &execution, "completed").await;
    let many = json!({"users": 10_000, "api_keys": 10_000, "schedules": 10_000});
    admin.put_json("/organizations/acme/quotas", &many).await.data(200);
    let mut table = String::new();
    for permission in Role::Manager.permissions().iter() {
        let caller = limited(&acme.manager, &acme.manager, &[permission.as_str()]).await;
        let _ = writeln!(table, "{permission}");
        for operation in OPERATIONS.iter().filter(|operation| operation.kind != Kind::Open) {
            // Somebody whom nobody needs any more.
            let user = json!({"kind": "service", "name": "Somebody", "role": "customer"});
            let user = text(&admin.post("/organizations/acme/users", &user).await.data(201)["id"]);
            let body = json!({"name": "k"});
            let key = admin.post(&format!("/users/{user}/api-keys"), &body).await.data(201);
            let mut names = Names { user, api_key: text(&key["id"]), ..acme.names(&execution) };
            if operation.route.contains("{schedule}") {
                names.schedule = acme.another_schedule().await;
            }
            if operation.deletes_a_workflow() {
                names.workflow = acme.another_workflow().await;
            }
            let status = operation.ask(&caller, &names).await.status;
            if status != 403 {
                let _ = writeln!(table, "    {status} {:6} {}", operation.method, operation.route);
            }
        }
    }
    assert_snapshot!(table);
}

#[tokio::test]
async fn should_tell_what_is_left_of_a_role() {
    let (_app, _admin, acme) = acme().await;
    let scopes = ["audit:read", "executions:start", "workflow:quote"];
    let caller = limited(&acme.manager, &acme.manager, &scopes).await;
    let me = caller.get("/me").await.data(200);
    assert_eq!(me["permissions"], json!(["executions:start", "audit:read"]));
    assert_eq!(me["role"], json!("manager"));
    assert_eq!(me["api_key"]["scopes"], json!(["executions:start", "audit:read", "workflow:quote"]));
    let refused = caller.get("/organizations/acme/users").await.problem(403, "forbidden");
    assert!(text(&refused["detail"]).contains("users:read"), "{refused}");
}

#[tokio::test]
async fn should_lose_what_the_role_loses_at_once() {
    let (_app, admin, acme) = acme().await;
    let other = json!({"email": "second@acme.example", "name": "Second", "role": "manager"});
    admin.post("/organizations/acme/users", &other).await.data(201);
    let caller = limited(&acme.manager, &acme.manager, &["users:read", "workflows:read"]).await;
    caller.get("/organizations/acme/users").await.data(200);
    let user = format!("/users/{}", acme.manager.user);
    admin.patch(&user, &json!({"role": "customer"})).await.data(200);
    caller.get("/organizations/acme/users").await.problem(403, "forbidden");
    caller.get("/workflows").await.data(200);
    admin.patch(&user, &json!({"role": "manager"})).await.data(200);
    caller.get("/organizations/acme/users").await.data(200);
}

#[tokio::test]
async fn should_let_an_admins_key_do_less_than_the_admin() {
    let (_app, admin, acme) = acme().await;
    let inside = limited(&admin, &admin, &["platform:organizations", "workflows:read"]).await.inside("acme");
    inside.get("/workflows").await.data(200);
    inside.get("/executions").await.problem(403, "forbidden");
    let home = limited(&admin, &admin, &["workflows:read"]).await;
    home.get("/workflows").await.data(200);
    home.get("/organizations").await.problem(403, "forbidden");
    home.inside("acme").get("/workflows").await.problem(404, "not_found");
    home.get(&format!("/users/{}", acme.customer.user)).await.problem(403, "forbidden");
}

/// A key that can reach one workflow of two, each of which has an execution and a schedule.
struct Narrow {
    _app: App,
    acme: Tenant,
    caller: Caller,
    own: String,
    other: String,
    other_schedule: String,
}

async fn narrow() -> Narrow {
    let (app, _admin, acme) = acme().await;
    let acme = acme.with_schedule().await;
    acme.manager.put("/workflows/other", &named("other")).await.data(201);
    let body = json!({"workflow": "other", "spec": {"every_seconds": 31_622_400}, "paused": true});
    let other_schedule = text(&acme.manager.post("/schedules", &body).await.data(201)["id"]);
    let own = acme.start().await;
    let other = acme.customer.post("/workflows/other/executions", &json!({"input": {"amount": 1}})).await;
    let other = text(&other.data(202)["id"]);
    for id in [&own, &other] {
        execution_in(&acme.customer, id, "completed").await;
    }
    let all: Vec<&str> = Role::Manager.permissions().iter().map(Permission::as_str).collect();
    let caller = limited(&acme.manager, &acme.manager, &[&all[..], &["workflow:quote"]].concat()).await;
    Narrow { _app: app, acme, caller, own, other, other_schedule }
}

#[tokio::test]
async fn should_answer_for_a_workflow_out_of_reach_as_for_one_that_is_missing() {
    let Narrow { _app, acme, caller, own, other, other_schedule } = narrow().await;
    let of = |workflow: &str, execution: &str, schedule: &str| Names {
        workflow: workflow.to_owned(),
        schedule: schedule.to_owned(),
        ..acme.names(execution)
    };
    let missing = of("nothing", "exe_01h455vb4pex5vsknk084sn02q", &Names::missing().schedule);
    let foreign = of("other", &other, &other_schedule);
    let of_workflows = OPERATIONS.iter().filter(|operation| {
        ["{workflow}", "{execution}", "{schedule}"].iter().any(|name| operation.route.contains(name))
    });
    for operation in of_workflows {
        let mut bodies = vec![None];
        if operation.has_body() {
            bodies = vec![Some("{}"), Some("{"), Some(r#"{"revision": 1}"#), Some(QUOTE)];
        }
        for body in bodies {
            let expected = operation.ask_with(&caller, &missing, body).await;
            let answer = operation.ask_with(&caller, &foreign, body).await;
            assert_eq!(answer.indistinct(), expected.indistinct(), "{operation:?} {body:?}");
            assert_ne!(answer.status / 100, 2, "{operation:?} {body:?}");
        }
    }
    let schedule = format!("/schedules/{}", acme.schedule);
    assert_eq!(caller.get(&schedule).await.data(200)["workflow"], json!("quote"));
    let of_other = json!({"workflow": "other", "spec": {"every_seconds": 60}});
    caller.post("/schedules", &of_other).await.problem(404, "not_found");
    // What is in reach is what it is for everybody.
    assert_eq!(caller.get("/workflows/quote").await.data(200)["name"], json!("quote"));
    assert_eq!(caller.get(&format!("/executions/{own}")).await.data(200)["id"], json!(own));
    caller.post(&format!("/executions/{own}/cancel"), &json!({})).await.problem(409, "conflict");
    caller.put("/workflows/quote", &QUOTE.replace("* 2", "* 3")).await.data(201);
    let started =
        caller.post("/workflows/quote/executions", &json!({"input": {"amount": 1}})).await.data(202);
    execution_in(&caller, &text(&started["id"]), "completed").await;
}

#[tokio::test]
async fn should_list_only_what_is_in_reach() {
    let Narrow { _app, acme, caller, own, other, other_schedule } = narrow().await;
    acme.manager.put("/workflows/third", &named("third")).await.data(201);
    let names = |list: Vec<Value>, field: &str| list.iter().map(|one| text(&one[field])).collect::<Vec<_>>();
    assert_eq!(names(caller.walk("/workflows").await, "name"), ["quote"]);
    assert_eq!(names(caller.walk("/executions").await, "id"), [own.as_str()]);
    for query in ["?workflow=other".to_owned(), format!("?workflow=other&cursor={other}")] {
        assert_eq!(caller.get(&format!("/executions{query}")).await.data(200), json!([]));
    }
    assert_eq!(names(acme.manager.walk("/executions").await, "id"), [other, own]);
    assert_eq!(names(caller.walk("/schedules").await, "id"), [acme.schedule.as_str()]);
    assert_eq!(
        names(acme.manager.walk("/schedules").await, "id"),
        [other_schedule.as_str(), acme.schedule.as_str()]
    );
}

#[tokio::test]
async fn should_not_make_a_workflow_out_of_reach() {
    let Narrow { _app, acme, caller, .. } = narrow().await;
    for name in ["other", "new"] {
        caller.put(&format!("/workflows/{name}"), &named(name)).await.problem(404, "not_found");
    }
    acme.manager.get("/workflows/new").await.problem(404, "not_found");
    assert_eq!(acme.manager.get("/workflows/other").await.data(200)["revision"], json!(1));
}

#[tokio::test]
async fn should_tell_no_more_of_an_execution_id_than_that_it_is_taken() {
    let Narrow { _app, caller, own, other, .. } = narrow().await;
    let start = async |id: &str| {
        let body = json!({"execution_id": id, "input": {"amount": 9}});
        caller.post("/workflows/quote/executions", &body).await
    };
    let (theirs, ours) = (start(&other).await, start(&own).await);
    theirs.problem(409, "conflict");
    assert_eq!(theirs.indistinct(), ours.indistinct());
}

#[tokio::test]
async fn should_make_no_key_that_is_wider_than_itself() {
    let (_app, admin, acme) = acme().await;
    let own = ["identity:use", "executions:start", "workflow:quote"];
    let caller = limited(&acme.customer, &acme.customer, &own).await;
    let keys = format!("/users/{}/api-keys", caller.user);
    for wider in [
        json!({"name": "k"}),
        json!({"name": "k", "scopes": null}),
        json!({"name": "k", "scopes": ["executions:start"]}),
        json!({"name": "k", "scopes": ["executions:start", "workflow:quote", "workflow:other"]}),
        json!({"name": "k", "scopes": ["executions:read", "workflow:quote"]}),
        json!({"name": "k", "scopes": ["executions:start", "task_queue:quote"]}),
    ] {
        caller.post(&keys, &wider).await.problem(403, "forbidden");
    }
    let narrower = limited(&caller, &caller, &["executions:start", "workflow:quote", "task_queue:own"]).await;
    narrower.post("/workflows/quote/executions", &json!({"input": {"amount": 1}})).await.data(202);
    narrower.get("/workflows/quote").await.problem(403, "forbidden");

    // Nor does one that is there, of the same user, become one: not by its secret, and not by its limits.
    let (mine, wide) =
        (format!("/api-keys/{}", caller.api_key), format!("/api-keys/{}", acme.customer.api_key));
    for body in [json!({"scopes": null}), json!({"scopes": ["executions:start", "identity:use"]})] {
        caller.patch(&mine, &body).await.problem(403, "forbidden");
    }
    caller.patch(&wide, &json!({"name": "mine"})).await.problem(403, "forbidden");
    caller.post(&format!("{wide}/rotate"), &json!({})).await.problem(403, "forbidden");
    caller.delete(&wide).await.problem(403, "forbidden");
    acme.customer.get("/me").await.data(200);

    // Nor one of somebody else, whom a manager may act for.
    let manager = limited(&acme.manager, &acme.manager, &["identity:use", "users:read", "users:write"]).await;
    for user in [&acme.manager, &acme.customer] {
        let keys = format!("/users/{}/api-keys", user.user);
        manager.post(&keys, &json!({"name": "k"})).await.problem(403, "forbidden");
        manager
            .post(&keys, &json!({"name": "k", "scopes": ["executions:read"]}))
            .await
            .problem(403, "forbidden");
        manager
            .post(&format!("/api-keys/{}/rotate", user.api_key), &json!({}))
            .await
            .problem(403, "forbidden");
    }
    admin.get("/me").await.data(200);
}

#[tokio::test]
async fn should_not_become_wider_when_its_user_does() {
    let (_app, admin, acme) = acme().await;
    let all: Vec<&str> = Role::Customer.permissions().iter().map(Permission::as_str).collect();
    let caller = limited(&acme.customer, &acme.customer, &all).await;
    // Today such a key could do no more. Tomorrow the user may be a manager.
    let keys = format!("/users/{}/api-keys", caller.user);
    caller.post(&keys, &json!({"name": "k"})).await.problem(403, "forbidden");
    admin.patch(&format!("/users/{}", caller.user), &json!({"role": "manager"})).await.data(200);
    caller.get("/organizations/acme/users").await.problem(403, "forbidden");
    acme.customer.get("/organizations/acme/users").await.data(200);
}

#[tokio::test]
async fn should_give_no_role_that_could_do_more() {
    let (_app, _admin, acme) = acme().await;
    let users = "/organizations/acme/users";
    let new = |role: &str| json!({"kind": "service", "name": "New", "role": role});
    let writer = limited(&acme.manager, &acme.manager, &["users:read", "users:write", "identity:use"]).await;
    for role in ["manager", "customer", "worker"] {
        writer.post(users, &new(role)).await.problem(403, "forbidden");
    }
    let user = format!("/users/{}", acme.customer.user);
    for body in [json!({"role": "manager"}), json!({"name": "x"}), json!({"status": "disabled"})] {
        writer.patch(&user, &body).await.problem(403, "forbidden");
    }
    assert_eq!(writer.send(Method::DELETE, &format!("{BASE}{user}"), None).await.status, 403);
    let mut customers: Vec<&str> = Role::Customer.permissions().iter().map(Permission::as_str).collect();
    customers.push("users:write");
    let wider = limited(&acme.manager, &acme.manager, &customers).await;
    wider.post(users, &new("customer")).await.data(201);
    wider.post(users, &new("manager")).await.problem(403, "forbidden");
    customers.push("workflow:quote");
    let narrow = limited(&acme.manager, &acme.manager, &customers).await;
    narrow.post(users, &new("customer")).await.problem(403, "forbidden");
}

#[tokio::test]
async fn should_end_itself_and_by_the_right_to_change_users_any_key() {
    let (_app, _admin, acme) = acme().await;
    let caller = limited(&acme.customer, &acme.customer, &["identity:use"]).await;
    assert_eq!(caller.delete(&format!("/api-keys/{}", caller.api_key)).await.status, 204);
    caller.get("/me").await.problem(401, "unauthenticated");
    let guard = limited(&acme.manager, &acme.manager, &["identity:use", "users:write"]).await;
    assert_eq!(guard.delete(&format!("/api-keys/{}", acme.customer.api_key)).await.status, 204);
    acme.customer.get("/me").await.problem(401, "unauthenticated");
}
