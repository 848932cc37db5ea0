//! What a real Temporal answers to the probe.

use futures::future::join_all;
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions, tonic::Request};
use temporalio_common::protos::temporal::api::workflowservice::v1::ListWorkflowExecutionsRequest;
use tenantry_domain::OrgScope;
use tenantry_temporal::{
    Temporal,
    probe::{Finding, Probe},
};
use tenantry_test_support::PrivateTemporal;

use crate::harness::{eventually, organization, temporal_address};

async fn find(address: &str, one: &OrgScope, other: &OrgScope) -> Vec<Finding> {
    let temporal = Temporal::connect(address).expect("an address");
    Probe::new(temporal).run(one, other).await.expect("an answer")
}

/// How many workflows there are in the namespace.
async fn workflows(address: &str, scope: &OrgScope) -> usize {
    let address = format!("http://{}", address.trim_start_matches("http://"));
    let options = ConnectionOptions::new(address.parse::<url::Url>().expect("a URL")).build();
    let connection = Connection::connect(options).await.expect("a connection");
    let namespace = scope.namespace().as_str();
    let client = Client::new(connection, ClientOptions::new(namespace).build()).expect("a client");
    let list = ListWorkflowExecutionsRequest { namespace: namespace.to_owned(), ..Default::default() };
    let found = client.connection().workflow_service().list_workflow_executions(Request::new(list)).await;
    found.expect("a list").into_inner().executions.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn should_find_nothing_about_a_temporal_that_keeps_namespaces_apart() {
    let (one, other) = (organization(), organization());
    assert_eq!(find(temporal_address(), &one, &other).await, []);
    assert_eq!(find(temporal_address(), &one, &other).await, [], "again, in the same namespaces");
    eventually(async || workflows(temporal_address(), &one).await == 0).await;
    assert_eq!(workflows(temporal_address(), &other).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn should_find_a_temporal_that_lets_workflows_out_of_their_namespace() {
    let temporal = PrivateTemporal::start(&[("system.enableCrossNamespaceCommands", "true")]).await;
    let (one, other) = (organization(), organization());
    let address = temporal.address();
    assert_eq!(find(&address, &one, &other).await, [Finding::CrossNamespaceCommands]);
    let many = join_all((0..4).map(|_| find(&address, &one, &other))).await;
    assert_eq!(many, vec![vec![Finding::CrossNamespaceCommands]; 4], "nodes that start together");
    eventually(async || workflows(&address, &one).await == 0).await;
    temporal.stop().await;
}
