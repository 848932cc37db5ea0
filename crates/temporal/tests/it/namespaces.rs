//! Namespaces are made once, are usable at once, and belong to one organization.

use serde_json::json;
use tenantry_temporal::{Dispatcher, Error, Namespaces, Temporal};

use crate::harness::{DAY, execution, organization, provisioned, scope, start, temporal_address};

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
