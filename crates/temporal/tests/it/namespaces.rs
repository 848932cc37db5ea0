//! Namespaces are made once, are usable at once, belong to one organization, and are brought back to what they should be.

use std::collections::HashMap;

use serde_json::json;
use temporalio_client::tonic::{IntoRequest as _, Request};
use temporalio_common::protos::temporal::api::{
    enums::v1::{IndexedValueType, NamespaceState},
    namespace::v1::{NamespaceConfig, UpdateNamespaceInfo},
    operatorservice::v1::{
        AddSearchAttributesRequest, DeleteNamespaceRequest, RemoveSearchAttributesRequest,
    },
    workflowservice::v1::{ListWorkflowExecutionsRequest, UpdateNamespaceRequest},
};
use tenantry_domain::OrgScope;
use tenantry_temporal::{Dispatcher, Drift, Error, Namespaces, Program, StartExecution, Temporal};

use crate::harness::{
    DAY, Fixture, definition, eventually, execution, organization, provisioned, scope, start,
    temporal_address,
};

#[tokio::test]
async fn should_be_usable_at_once_however_often_it_is_ensured() {
    let temporal = Temporal::connect(temporal_address()).expect("an address");
    let scope = provisioned(&temporal).await;
    start(&temporal, &scope, json!([{ "a": { "set": {} } }])).await;
    Namespaces::new(temporal.clone()).ensure(&scope, DAY).await.expect("the same namespace");
}

#[tokio::test]
async fn should_refuse_the_namespace_of_another_organization() {
    let temporal = Temporal::connect(temporal_address()).expect("an address");
    let owner = provisioned(&temporal).await;
    let thief = scope(organization().organization(), owner.namespace().clone());
    let namespaces = Namespaces::new(temporal);
    for result in [namespaces.ensure(&thief, DAY).await, namespaces.delete(&thief).await] {
        assert!(matches!(result, Err(Error::ForeignNamespace { .. })), "{result:?}");
    }
    namespaces.ensure(&owner, DAY).await.expect("the owner's namespace");
}

#[tokio::test]
async fn should_be_gone_once_it_is_deleted() {
    let temporal = Temporal::connect(temporal_address()).expect("an address");
    let scope = provisioned(&temporal).await;
    let namespaces = Namespaces::new(temporal.clone());
    namespaces.delete(&scope).await.expect("deleted");
    namespaces.delete(&scope).await.expect("deleted already");
    let dispatcher = Dispatcher::new(temporal);
    crate::harness::eventually(async || {
        let started = dispatcher.start(&scope, execution(json!([{ "a": { "set": {} } }]))).await;
        matches!(started, Err(Error::NoNamespace(_)))
    })
    .await;
}

#[tokio::test]
async fn should_keep_what_has_ended_for_as_long_as_it_is_told() {
    let temporal = Temporal::connect(temporal_address()).expect("an address");
    let scope = provisioned(&temporal).await;
    let namespaces = Namespaces::new(temporal);
    for days in [3, 30] {
        namespaces.ensure(&scope, DAY * days).await.expect("the same namespace");
        assert_eq!(namespaces.retention(&scope).await.expect("a namespace"), Some(DAY * days));
    }
}

#[tokio::test]
async fn should_find_a_hosted_execution_by_what_tenantry_calls_it() {
    let fixture = Fixture::new().await;
    let called = |name: &str, revision| {
        let definition = definition(json!([]));
        let program = Program::Definition { name: name.to_owned(), revision, definition };
        StartExecution { program, ..execution(json!([])) }
    };
    let (quote, other) = (called("quote", 7), called("other", 1));
    let dispatcher = Dispatcher::new(fixture.temporal.clone());
    for start in [&quote, &other] {
        dispatcher.start(&fixture.scope, start.clone()).await.expect("a run");
    }
    let ids = async |query: &str| {
        let list = ListWorkflowExecutionsRequest {
            namespace: name(&fixture.scope),
            query: query.to_owned(),
            ..Default::default()
        };
        let mut service = fixture.client().await.connection().workflow_service();
        let found = service.list_workflow_executions(Request::new(list)).await.expect(query).into_inner();
        let ids = found.executions.into_iter().map(|found| found.execution.expect("an id").workflow_id);
        ids.collect::<Vec<_>>()
    };
    // Visibility follows in its own time.
    eventually(async || ids("").await.len() == 2).await;
    let id = quote.id.to_string();
    for query in [
        "TenantryWorkflow = 'quote'",
        &format!("TenantryExecutionId = '{id}'"),
        "TenantryRevision > 6",
        "TenantryWorkflow = 'quote' and TenantryRevision = 7",
    ] {
        assert_eq!(ids(query).await, [id.as_str()], "{query}");
    }
    assert!(ids("TenantryWorkflow = 'quote' and TenantryRevision = 1").await.is_empty());
}

fn name(scope: &OrgScope) -> String {
    scope.namespace().as_str().to_owned()
}

/// What somebody does to a namespace who goes past Tenantry.
struct Meddler {
    fixture: Fixture,
    namespaces: Namespaces,
}

impl Meddler {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let namespaces = Namespaces::new(fixture.temporal.clone());
        let meddler = Self { fixture, namespaces };
        assert_eq!(meddler.found().await, []);
        meddler
    }

    async fn update(&self, update: UpdateNamespaceRequest) {
        let update = UpdateNamespaceRequest { namespace: name(&self.fixture.scope), ..update };
        let mut service = self.fixture.client().await.connection().workflow_service();
        service.update_namespace(update.into_request()).await.expect("an update");
    }

    async fn mark(&self, owner: &str) {
        let data = HashMap::from([("tenantry.organization".to_owned(), owner.to_owned())]);
        let update_info = Some(UpdateNamespaceInfo { data, ..Default::default() });
        self.update(UpdateNamespaceRequest { update_info, ..Default::default() }).await;
    }

    async fn delete(&self) {
        let delete = DeleteNamespaceRequest { namespace: name(&self.fixture.scope), ..Default::default() };
        let mut service = self.fixture.client().await.connection().operator_service();
        service.delete_namespace(Request::new(delete)).await.expect("deleted");
    }

    async fn remove_search_attribute(&self, search_attribute: &str) {
        let remove = RemoveSearchAttributesRequest {
            search_attributes: vec![search_attribute.to_owned()],
            namespace: name(&self.fixture.scope),
        };
        let mut service = self.fixture.client().await.connection().operator_service();
        service.remove_search_attributes(Request::new(remove)).await.expect("removed");
    }

    async fn add_search_attributes(&self, search_attributes: HashMap<String, i32>) {
        let add = AddSearchAttributesRequest { search_attributes, namespace: name(&self.fixture.scope) };
        let mut service = self.fixture.client().await.connection().operator_service();
        service.add_search_attributes(Request::new(add)).await.expect("added");
    }

    async fn found(&self) -> Vec<Drift> {
        self.namespaces.inspect(&self.fixture.scope, DAY).await.expect("a namespace of ours")
    }

    async fn repair(&self) -> Result<Vec<Drift>, Error> {
        self.namespaces.repair(&self.fixture.scope, DAY).await
    }

    /// It is found, repaired once, and as it was: an execution can be started at once.
    async fn assert_repaired(&self, drifts: &[Drift]) {
        assert_eq!(self.found().await, drifts);
        assert_eq!(self.repair().await.expect("repaired"), drifts);
        assert_eq!(self.repair().await.expect("nothing is left to do"), []);
        self.fixture.start(json!([{ "a": { "set": {} } }])).await;
    }
}

#[tokio::test]
async fn should_bring_back_a_namespace_that_was_deleted() {
    let meddler = Meddler::new().await;
    meddler.delete().await;
    meddler.assert_repaired(&[Drift::Missing]).await;
}

#[tokio::test]
async fn should_bring_back_what_was_changed_in_a_namespace() {
    let meddler = Meddler::new().await;
    meddler.mark("").await;
    let retention = Some((DAY * 9).try_into().expect("a duration"));
    let config = NamespaceConfig { workflow_execution_retention_ttl: retention, ..Default::default() };
    meddler.update(UpdateNamespaceRequest { config: Some(config), ..Default::default() }).await;
    meddler.remove_search_attribute("TenantryRevision").await;
    meddler.assert_repaired(&[Drift::Owner, Drift::Retention, Drift::SearchAttributes]).await;
}

#[tokio::test]
async fn should_leave_a_namespace_alone_that_has_become_somebody_elses() {
    let meddler = Meddler::new().await;
    let other = organization().organization().to_string();
    meddler.mark(&other).await;
    meddler.remove_search_attribute("TenantryRevision").await;
    let scope = &meddler.fixture.scope;
    for result in [
        meddler.repair().await.map(drop),
        meddler.namespaces.inspect(scope, DAY).await.map(drop),
        meddler.namespaces.ensure(scope, DAY * 9).await,
        meddler.namespaces.delete(scope).await,
    ] {
        assert!(matches!(result, Err(Error::ForeignNamespace { .. })), "{result:?}");
    }
    meddler.mark(&scope.organization().to_string()).await;
    assert_eq!(meddler.found().await, [Drift::SearchAttributes], "nothing else was touched");
}

#[tokio::test]
async fn should_say_what_cannot_be_brought_back() {
    let check = async |meddler: Meddler, says: &str| {
        let Err(Error::UnusableNamespace { namespace, why }) = meddler.repair().await else {
            panic!("it cannot be repaired")
        };
        assert_eq!(namespace, name(&meddler.fixture.scope));
        assert!(why.contains(says), "{why}");
    };
    let deprecated = Meddler::new().await;
    let state = NamespaceState::Deprecated.into();
    let update_info = Some(UpdateNamespaceInfo { state, ..Default::default() });
    deprecated.update(UpdateNamespaceRequest { update_info, ..Default::default() }).await;
    check(deprecated, "is deprecated").await;

    let mistaken = Meddler::new().await;
    mistaken.remove_search_attribute("TenantryRevision").await;
    let keyword = HashMap::from([("TenantryRevision".to_owned(), IndexedValueType::Keyword.into())]);
    mistaken.add_search_attributes(keyword).await;
    check(mistaken, "TenantryRevision").await;

    let full = Meddler::new().await;
    full.remove_search_attribute("TenantryRevision").await;
    let int = IndexedValueType::Int.into();
    let three = ["One", "Two", "Three"].map(|name| (name.to_owned(), int));
    full.add_search_attributes(HashMap::from(three)).await;
    check(full, "more than 3").await;
}

#[tokio::test]
async fn should_keep_an_execution_for_later_whose_namespace_lacks_what_it_needs() {
    let meddler = Meddler::new().await;
    meddler.remove_search_attribute("TenantryWorkflow").await;
    let (scope, execution) = (&meddler.fixture.scope, execution(json!([{ "a": { "set": {} } }])));
    let dispatcher = Dispatcher::new(meddler.fixture.temporal.clone());
    let started = dispatcher.start(scope, execution.clone()).await;
    assert!(matches!(started, Err(Error::Unsettled(_))), "{started:?}");
    assert_eq!(meddler.namespaces.suspects(), [scope.organization()]);
    assert_eq!(meddler.namespaces.suspects(), [], "it was told once");
    meddler.assert_repaired(&[Drift::SearchAttributes]).await;
    dispatcher.start(scope, execution).await.expect("a run");
}
