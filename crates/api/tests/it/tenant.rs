//! An organization with somebody of each role, and something of each kind in it.

use serde_json::{Value, json};
use tenantry_domain::Namespace;
use tenantry_test_support::{App, OwnWorker, eventually};

use crate::{
    caller::{Caller, text},
    operations::Names,
};

/// Doubles an amount.
pub(crate) const QUOTE: &str = "\
document: {dsl: '1.0.3', namespace: test, name: quote, version: '1.0.0'}
do:
  - price: {set: {total: '${ .amount * 2 }'}}
";

/// An organization with somebody of each role.
pub(crate) struct Tenant {
    pub(crate) slug: String,
    pub(crate) id: String,
    pub(crate) manager: Caller,
    pub(crate) customer: Caller,
    pub(crate) worker: Caller,
    /// The schedule that it has, or one that nobody has.
    pub(crate) schedule: String,
}

impl Tenant {
    /// A new organization, which may not be active yet.
    pub(crate) async fn new(admin: &Caller, slug: &str) -> Self {
        let body = json!({"slug": slug, "name": format!("The {slug} company")});
        let organization = admin.post("/organizations", &body).await.data(201);
        let manager = somebody(admin, slug, "manager").await;
        let customer = somebody(admin, slug, "customer").await;
        let worker = somebody(admin, slug, "worker").await;
        let schedule = Names::missing().schedule;
        Self { slug: slug.to_owned(), id: text(&organization["id"]), manager, customer, worker, schedule }
    }

    /// The same, once it is active.
    pub(crate) async fn active(app: &App, admin: &Caller, slug: &str) -> Self {
        let tenant = Self::new(admin, slug).await;
        app.active(&tenant.id).await;
        tenant
    }

    /// Uploads [`QUOTE`].
    pub(crate) async fn with_quote(self) -> Self {
        self.manager.put("/workflows/quote", QUOTE).await.data(201);
        self
    }

    /// Makes a schedule of [`QUOTE`].
    pub(crate) async fn with_schedule(self) -> Self {
        let schedule = self.another_schedule().await;
        Self { schedule, ..self }
    }

    /// Makes a schedule of [`QUOTE`] that rests, and answers its id.
    pub(crate) async fn another_schedule(&self) -> String {
        let body = json!({"workflow": "quote", "spec": {"every_seconds": 31_622_400}, "paused": true});
        text(&self.manager.post("/schedules", &body).await.data(201)["id"])
    }

    /// Uploads a workflow that nobody needs, and answers its name.
    pub(crate) async fn another_workflow(&self) -> String {
        let uploaded = self.manager.put("/workflows/spare", &QUOTE.replace("quote", "spare")).await;
        assert!(matches!(uploaded.status, 200 | 201), "{uploaded:?}");
        "spare".to_owned()
    }

    /// Starts [`QUOTE`] and answers the execution's id.
    pub(crate) async fn start(&self) -> String {
        let started =
            self.customer.post("/workflows/quote/executions", &json!({"input": {"amount": 3}})).await;
        text(&started.data(202)["id"])
    }

    /// A worker of its own on this task queue.
    pub(crate) async fn own_worker(&self, task_queue: &str) -> OwnWorker {
        let organization = self.manager.get(&format!("/organizations/{}", self.slug)).await.data(200);
        let namespace = Namespace::from_storage(text(&organization["namespace"]));
        OwnWorker::new(&namespace, task_queue).await
    }

    /// What of it the paths of operations can name, with an execution.
    pub(crate) fn names(&self, execution: &str) -> Names {
        Names {
            org: self.slug.clone(),
            user: self.customer.user.clone(),
            api_key: self.customer.api_key.clone(),
            workflow: "quote".to_owned(),
            execution: execution.to_owned(),
            schedule: self.schedule.clone(),
        }
    }
}

/// A new user of this role, with a key.
pub(crate) async fn somebody(admin: &Caller, slug: &str, role: &str) -> Caller {
    let body = match role {
        "worker" => json!({"kind": "service", "name": "A worker", "role": role}),
        _ => json!({"email": format!("{role}@{slug}.example"), "name": format!("A {role}"), "role": role}),
    };
    let user = text(&admin.post(&format!("/organizations/{slug}/users"), &body).await.data(201)["id"]);
    let key = admin.post(&format!("/users/{user}/api-keys"), &json!({"name": "test"})).await.data(201);
    admin.presenting(&[]).with_key(&text(&key["secret"])).await
}

/// The execution, once it has this status.
pub(crate) async fn execution_in(caller: &Caller, id: &str, status: &str) -> Value {
    eventually(status, || async {
        let execution = caller.get(&format!("/executions/{id}")).await.data(200);
        (execution["status"] == json!(status)).then_some(execution)
    })
    .await
}

/// Waits until nothing more happens in an execution that has ended: its history goes on for a moment after its end was written.
pub(crate) async fn closed(caller: &Caller, id: &str) {
    eventually("its history ends", || async {
        let events = caller.get(&format!("/executions/{id}/history?limit=200")).await.data(200);
        let last = events.as_array().and_then(|events| events.last()).map(|event| text(&event["type"]));
        last.filter(|last| last == "WorkflowExecutionCompleted").map(drop)
    })
    .await;
}
