//! What somebody may not see does not exist: every operation, asked by one organization about another.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use tenantry_test_support::App;

use crate::{
    caller::{BASE, Caller, text},
    operations::{Kind, Names, OPERATIONS, Operation, documented},
    tenant::{QUOTE, Tenant, execution_in},
};

/// Two organizations, of which the first has something of each kind.
struct Two {
    app: App,
    admin: Caller,
    acme: Tenant,
    other_org: Tenant,
    execution: String,
}

async fn two() -> Two {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await.with_schedule().await;
    let other_org = Tenant::active(&app, &admin, "other").await;
    let execution = acme.start().await;
    execution_in(&acme.customer, &execution, "completed").await;
    Two { app, admin, acme, other_org, execution }
}

fn naming() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(|operation| operation.kind == Kind::Named)
}

#[test]
fn should_have_a_case_for_every_operation() {
    let known: BTreeSet<(String, String)> =
        OPERATIONS.iter().map(|known| (known.method.to_owned(), known.route.to_owned())).collect();
    assert_eq!(documented(), known, "an operation is not in `operations::OPERATIONS`, or one there is gone");
    for operation in OPERATIONS {
        let names = operation.route.contains('{');
        assert_eq!(names, matches!(operation.kind, Kind::Named | Kind::Makes), "{operation:?}");
    }
}

#[tokio::test]
async fn should_answer_for_what_is_foreign_as_for_what_is_missing() {
    let two = two().await;
    let before = two.database().await;
    let foreign = two.acme.names(&two.execution);
    let foreign_by_id = Names { org: two.acme.id.clone(), ..foreign.clone() };
    let missing_by_id = Names { org: "org_01h455vb4pex5vsknk084sn02q".to_owned(), ..Names::missing() };
    for operation in naming() {
        for caller in [&two.other_org.manager, &two.other_org.customer, &two.other_org.worker] {
            let missing = operation.ask(caller, &Names::missing()).await;
            // 403 where the role may not do it to anything; it says nothing of what there is.
            assert!(matches!(missing.status, 403 | 404), "{operation:?}: {missing:?}");
            for names in [&foreign, &foreign_by_id, &missing_by_id, &Names::malformed()] {
                let answer = operation.ask(caller, names).await;
                assert_eq!(answer.indistinct(), missing.indistinct(), "{operation:?} {names:?}");
            }
            if operation.has_body() {
                let missing = operation.ask_with(caller, &Names::missing(), Some("{\"x\": 1}")).await;
                let answer = operation.ask_with(caller, &foreign, Some("{\"x\": 1}")).await;
                assert_eq!(answer.indistinct(), missing.indistinct(), "{operation:?} with a bad body");
            }
        }
    }
    assert_eq!(two.database().await, before, "nothing changed");
}

#[tokio::test]
async fn should_hide_an_organization_that_is_named_in_the_header() {
    let two = two().await;
    let own = two.other_org.names(&two.execution);
    for caller in [&two.other_org.manager, &two.other_org.customer, &two.other_org.worker] {
        for operation in OPERATIONS.iter().filter(|operation| takes_header(operation)) {
            let missing = operation.ask(&caller.inside("nowhere"), &own).await;
            missing.problem(404, "not_found");
            for name in [&two.acme.slug, &two.acme.id, "system", "", "org_x"] {
                let answer = operation.ask(&caller.inside(name), &own).await;
                assert_eq!(answer.indistinct(), missing.indistinct(), "{operation:?} inside {name}");
            }
        }
        assert_eq!(caller.inside("other").get("/me").await.status, 200);
        assert_ne!(
            caller.inside(&two.other_org.id).get("/executions").await.status,
            404,
            "their own is theirs"
        );
    }
}

/// Whether the operation asks who calls, and so minds the header.
fn takes_header(operation: &Operation) -> bool {
    operation.kind != Kind::Open
}

#[tokio::test]
async fn should_list_nothing_of_another_organization() {
    let two = two().await;
    let foreign = [
        &two.acme.slug,
        &two.acme.id,
        &two.acme.manager.user,
        &two.acme.customer.user,
        &two.acme.customer.api_key,
        &two.execution,
        &two.acme.schedule,
        "quote",
    ];
    let own = two.other_org.names("");
    let lists =
        OPERATIONS.iter().filter(|operation| operation.method == "GET" && operation.kind != Kind::Open);
    for operation in lists {
        for caller in [&two.other_org.manager, &two.other_org.customer, &two.other_org.worker] {
            for cursor in [String::new(), format!("?cursor={}", two.execution)] {
                let method = Method::from_bytes(operation.method.as_bytes()).expect("a method");
                let answer = caller.send(method, &format!("{}{cursor}", operation.path(&own)), None).await;
                for text in foreign {
                    assert!(!answer.text.contains(text), "{operation:?} shows {text}: {}", answer.text);
                }
            }
        }
    }
}

#[tokio::test]
async fn should_let_each_organization_have_its_own_of_a_name() {
    let two = two().await;
    let made = two.other_org.manager.put("/workflows/quote", &QUOTE.replace("* 2", "* 5")).await.data(201);
    assert_eq!(made["revision"], json!(1));
    let before = two.acme.customer.get("/workflows/quote").await.data(200);
    assert_eq!(before["revision"], json!(1));
    assert_ne!(before["digest"], made["digest"]);

    // Even an execution of the same id is each organization's own.
    let body = json!({"execution_id": two.execution, "input": {"amount": 3}});
    let started = two.other_org.customer.post("/workflows/quote/executions", &body).await.data(202);
    assert_eq!(started["started_by"], json!(two.other_org.customer.user));
    let theirs = execution_in(&two.other_org.customer, &two.execution, "completed").await;
    assert_eq!(theirs["output"], json!({"total": 15}));
    let ours = two.acme.customer.get(&format!("/executions/{}", two.execution)).await.data(200);
    assert_eq!(ours["output"], json!({"total": 6}));
}

#[tokio::test]
async fn should_keep_an_admin_inside_the_organization_they_named() {
    let two = two().await;
    let names = two.acme.names(&two.execution);
    let inside_other = two.admin.inside("other");
    let of_members = naming().filter(|operation| !operation.route.contains("{org}"));
    for operation in of_members {
        let missing = operation.ask(&inside_other, &Names::missing()).await;
        missing.problem(404, "not_found");
        let answer = operation.ask(&inside_other, &names).await;
        assert_eq!(answer.indistinct(), missing.indistinct(), "{operation:?}");
    }
    let seen =
        two.admin.inside("acme").send(Method::GET, &format!("{BASE}/executions"), None).await.data(200);
    assert_eq!(text(&seen[0]["id"]), two.execution);
}

impl Two {
    /// All rows that an organization can have, as text, but what was recorded of refusals.
    async fn database(&self) -> Vec<String> {
        crate::security::rows(&self.app, "audit_").await
    }
}
