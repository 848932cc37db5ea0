//! Organizations' namespaces: made many at once, and changed by somebody behind Tenantry's back.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tenantry_domain::{
    Clock as _, ExecutionId, Namespace, OrgScope, Organization, OrganizationId, OrganizationStatus, Slug,
    SystemClock, Timestamp, execution::Handle,
};
use tenantry_temporal::{Dispatcher, Drift, Namespaces, Program, Seen, StartExecution, Temporal};
use tenantry_test_support::{AS_IN_PRODUCTION, App, Database, PrivateTemporal, Servers, eventually};

use crate::{
    caller::{Caller, text},
    tenant::{Tenant, execution_in},
};

const DAY: Duration = Duration::from_hours(24);
/// What organizations have unless somebody says otherwise.
const RETENTION: Duration = Duration::from_hours(7 * 24);
/// Past the time within which each organization is looked at.
const A_LOOK: Duration = Duration::from_mins(12);

/// An app with an organization, and somebody who goes past it to Temporal.
struct Meddled {
    app: App,
    admin: Caller,
    acme: Tenant,
    namespaces: Namespaces,
    scope: OrgScope,
}

impl Meddled {
    async fn new() -> Self {
        let app = App::start().await;
        let admin = Caller::admin(&app).await;
        let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
        let temporal = Temporal::connect(&Servers::get().temporal_address).expect("an address");
        let organization = admin.get("/organizations/acme").await.data(200);
        let id = text(&organization["id"]).parse().expect("an id");
        let scope = scope(id, Namespace::from_storage(text(&organization["namespace"])));
        Self { app, admin, acme, namespaces: Namespaces::new(temporal), scope }
    }

    /// Waits until the namespace is as it should be.
    async fn repaired(&self) {
        eventually("the namespace is repaired", || async {
            let found = self.namespaces.inspect(&self.scope, RETENTION).await;
            found.is_ok_and(|drifts| drifts.is_empty()).then_some(())
        })
        .await;
    }

    /// What the audit log says was repaired, once it says so.
    async fn recorded(&self) -> Vec<Value> {
        eventually("the repair is recorded", || async {
            let path = "/audit-log?action=organization.repair";
            let entries = self.acme.manager.get(path).await.data(200);
            let entries = entries.as_array().expect("a list").clone();
            (!entries.is_empty()).then_some(entries)
        })
        .await
    }

    async fn status(&self) -> (Value, Value) {
        let organization = self.admin.get("/organizations/acme").await.data(200);
        (organization["status"].clone(), organization["status_reason"].clone())
    }
}

fn scope(id: OrganizationId, namespace: Namespace) -> OrgScope {
    let now = SystemClock.now();
    let organization = Organization {
        id,
        slug: Slug::parse("acme").expect("a slug"),
        name: "Acme".to_owned(),
        status: OrganizationStatus::Active,
        status_reason: None,
        namespace,
        created_at: now,
        updated_at: now,
    };
    #[expect(clippy::disallowed_methods, reason = "the test goes past Tenantry to Temporal")]
    OrgScope::for_reconciler(&organization)
}

#[tokio::test(flavor = "multi_thread")]
async fn should_find_a_namespace_that_was_changed_and_repair_it() {
    let meddled = Meddled::new().await;
    let changed = meddled.namespaces.repair(&meddled.scope, DAY * 3).await.expect("it is changed");
    assert_eq!(changed, [Drift::Retention]);
    meddled.app.clock.advance(A_LOOK);
    meddled.repaired().await;
    let entries = meddled.recorded().await;
    let [entry] = &entries[..] else { panic!("one entry: {entries:#?}") };
    assert_eq!((&entry["changes"], &entry["outcome"]), (&json!({"repaired": ["retention"]}), &json!("ok")));
    assert_eq!(meddled.status().await, (json!("active"), Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn should_find_a_namespace_that_was_deleted_and_make_it_again() {
    let meddled = Meddled::new().await;
    let before = meddled.acme.start().await;
    execution_in(&meddled.acme.customer, &before, "completed").await;
    meddled.namespaces.delete(&meddled.scope).await.expect("it is deleted");
    meddled.app.clock.advance(A_LOOK);
    meddled.repaired().await;
    assert_eq!(meddled.recorded().await[0]["changes"], json!({"repaired": ["missing"]}));
    let after = meddled.acme.start().await;
    execution_in(&meddled.acme.customer, &after, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_bring_schedules_back_into_a_namespace_that_was_made_again() {
    let meddled = Meddled::new().await;
    let body = json!({"workflow": "quote", "input": {"amount": 1}, "spec": {"every_seconds": 1}});
    let schedule = text(&meddled.acme.manager.post("/schedules", &body).await.data(201)["id"]);
    meddled.namespaces.delete(&meddled.scope).await.expect("it is deleted");
    meddled.app.clock.advance(A_LOOK);
    meddled.repaired().await;
    let repaired = text(&meddled.recorded().await[0]["at"]);
    let path = format!("/executions?schedule={schedule}&started_after={repaired}&status=completed");
    eventually("the schedule starts again", || async {
        let started = meddled.acme.customer.get(&path).await.data(200);
        started.get(0).is_some().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_make_a_namespace_again_as_soon_as_it_is_missed() {
    let meddled = Meddled::new().await;
    meddled.namespaces.delete(&meddled.scope).await.expect("it is deleted");
    // Temporal's own memory of it ends in its own time.
    let id = eventually("the namespace is missed", || async {
        let id = meddled.acme.start().await;
        let execution = meddled.acme.customer.get(&format!("/executions/{id}")).await.data(200);
        (execution["status"] == json!("pending")).then_some(id)
    })
    .await;
    meddled.repaired().await;
    assert_eq!(meddled.recorded().await[0]["changes"], json!({"repaired": ["missing"]}));
    // The reconciler hands over what the request could not.
    meddled.app.clock.advance(Duration::from_secs(11));
    execution_in(&meddled.acme.customer, &id, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_stop_an_organization_whose_namespace_has_become_somebody_elses() {
    let meddled = Meddled::new().await;
    meddled.namespaces.delete(&meddled.scope).await.expect("it is deleted");
    let id = OrganizationId::generate(SystemClock.now());
    let thief = scope(id, meddled.scope.namespace().clone());
    meddled.namespaces.ensure(&thief, DAY).await.expect("the thief's namespace");
    meddled.app.clock.advance(A_LOOK);
    let reason = eventually("the organization is stopped", || async {
        let (status, reason) = meddled.status().await;
        (status == json!("provisioning_failed")).then_some(reason)
    })
    .await;
    let says = format!("the namespace {} exists and does not belong", meddled.scope.namespace().as_str());
    assert!(text(&reason).starts_with(&says), "{reason}");
    assert_eq!(meddled.recorded().await[0]["outcome"], json!("failed"));
    let start = meddled.acme.customer.post("/workflows/quote/executions", &json!({})).await;
    start.problem(409, "organization_not_ready");
    assert_eq!(meddled.namespaces.inspect(&thief, DAY).await.expect("the thief's namespace"), []);

    // The thief goes; somebody who knows says so.
    meddled.namespaces.delete(&thief).await.expect("it is deleted");
    meddled.admin.post("/organizations/acme/retry-provisioning", &json!({})).await.data(200);
    meddled.app.active(&meddled.acme.id).await;
    let after = meddled.acme.start().await;
    execution_in(&meddled.acme.customer, &after, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_not_take_its_own_change_for_somebody_elses() {
    let meddled = Meddled::new().await;
    meddled.admin.put_json("/organizations/acme/quotas", &json!({"retention_days": 3})).await.data(200);
    eventually("the namespace is told", || async {
        let kept = meddled.namespaces.retention(&meddled.scope).await.expect("a namespace");
        (kept == Some(DAY * 3)).then_some(())
    })
    .await;
    meddled.namespaces.repair(&meddled.scope, RETENTION).await.expect("it is changed");
    let before = meddled.app.clock.now();
    meddled.app.clock.advance(A_LOOK);
    let entries = eventually("the other change is recorded", || async {
        let entries = meddled.recorded().await;
        let is_later = |entry: &Value| text(&entry["at"]).parse::<Timestamp>().is_ok_and(|at| at > before);
        entries.iter().any(is_later).then_some(entries)
    })
    .await;
    assert_eq!(entries.len(), 1, "that change alone is: {entries:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_close_in_temporal_what_a_node_left_open_there() {
    let meddled = Meddled::new().await;
    let temporal = Temporal::connect(&Servers::get().temporal_address).expect("an address");
    let dispatcher = Dispatcher::new(temporal);
    // As whoever recorded an end leaves it who died before Temporal heard of it: here, there is nothing left to do.
    let id = ExecutionId::generate(SystemClock.now());
    let definition = json!({
        "document": {"dsl": "1.0.3", "namespace": "sales", "name": "quote", "version": "1.0.0"},
        "do": [{"answer": {"set": {"number": 7}}}],
    });
    let program = Program::Definition { name: "quote".to_owned(), revision: 1, definition };
    let started = dispatcher.start(&meddled.scope, StartExecution { id, program, input: json!({}) }).await;
    let run_id = Some(started.expect("it starts").run_id);
    let handle = Handle { id, workflow_id: id.into(), first_run_id: run_id.clone(), run_id };

    meddled.app.clock.advance(A_LOOK);
    eventually("it is closed", || async {
        let seen = dispatcher.look(&meddled.scope, &handle).await.expect("an execution");
        matches!(seen, Seen::Ended { .. }).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_provision_many_organizations_that_are_made_at_once() {
    let temporal = PrivateTemporal::start(&AS_IN_PRODUCTION).await;
    let app = App::start_with(&temporal.address(), Database::migrated().await).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    let made = (0..60).map(|number| {
        let body = json!({"slug": format!("org-{number}"), "name": "One of many"});
        let admin = &admin;
        async move { admin.post("/organizations", &body).await.data(201) }
    });
    join_all(made).await;

    // Meanwhile the reconciler hands over what a request could not.
    let id = acme.start().await;
    execution_in(&acme.customer, &id, "completed").await;
    let statuses = async || {
        let organizations = admin.walk("/organizations").await;
        organizations.iter().map(|organization| text(&organization["status"])).collect::<Vec<_>>()
    };
    let before = statuses().await;
    assert!(before.iter().any(|status| status == "provisioning"), "the execution did not wait for them");
    eventually("all are active", || async {
        let statuses = statuses().await;
        assert!(!statuses.contains(&"provisioning_failed".to_owned()), "{statuses:?}");
        statuses.iter().all(|status| status == "active").then_some(())
    })
    .await;
    assert_eq!(statuses().await.len(), 62, "with acme and the system organization");
    app.stop().await;
    temporal.stop().await;
}
