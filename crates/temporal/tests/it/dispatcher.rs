//! An execution is handed to Temporal once.

use serde_json::json;
use tenantry_temporal::{Dispatcher, Error, Temporal};

use crate::harness::{Fixture, execution, organization, temporal_address};

#[tokio::test]
async fn should_start_an_execution_once() {
    let fixture = Fixture::new().await;
    let dispatcher = Dispatcher::new(fixture.temporal.clone());
    let execution = execution(json!([{ "a": { "set": { "n": 1 } } }]));
    let first = dispatcher.start(&fixture.scope, execution.clone()).await.expect("a run");
    let second = dispatcher.start(&fixture.scope, execution.clone()).await.expect("the same run");
    assert_eq!(first, second);

    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    fixture.journal.outcome(execution.id).await;
    let third = dispatcher.start(&fixture.scope, execution.clone()).await.expect("the same run");
    assert_eq!(first, third);
    pool.stop().await;
    assert_eq!(fixture.journal.entries().len(), 1);
}

#[tokio::test]
async fn should_say_that_there_is_no_namespace() {
    let dispatcher = Dispatcher::new(Temporal::connect(temporal_address()).expect("an address"));
    let started = dispatcher.start(&organization(), execution(json!([{ "a": { "set": {} } }]))).await;
    assert!(matches!(started, Err(Error::NoNamespace(_))), "{started:?}");
}

#[tokio::test]
async fn should_refuse_an_input_that_temporal_cannot_hold() {
    let fixture = Fixture::new().await;
    let mut execution = execution(json!([{ "a": { "set": {} } }]));
    execution.input = json!("x".repeat(3 * 1024 * 1024));
    let started = Dispatcher::new(fixture.temporal.clone()).start(&fixture.scope, execution).await;
    assert!(matches!(started, Err(Error::Refused(_))), "{started:?}");
}
