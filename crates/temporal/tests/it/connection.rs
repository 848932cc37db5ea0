//! Temporal may be away at any time, the beginning included.

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tenantry_domain::execution::Outcome;
use tenantry_temporal::{Dispatcher, Error, Namespaces, Temporal, WorkerPool, egress::Policy};

use crate::{
    harness::{DAY, Journal, eventually, execution, organization, provisioned, sandbox, start},
    server::Server,
};

fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

#[tokio::test]
async fn should_tell_within_seconds_that_temporal_is_away() {
    let temporal = Temporal::connect(&format!("127.0.0.1:{}", closed_port())).expect("an address");
    let scope = organization();
    let asked = Instant::now();
    let checked = temporal.check().await;
    let ensured = Namespaces::new(temporal.clone()).ensure(&scope, DAY).await;
    let started = Dispatcher::new(temporal).start(&scope, execution(json!([]))).await.map(drop);
    for result in [checked, ensured, started] {
        assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    }
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn should_tell_within_seconds_that_temporal_is_silent() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address");
    let temporal = Temporal::connect(&address.to_string()).expect("an address");
    let asked = Instant::now();
    let checked = temporal.check().await;
    assert!(matches!(checked, Err(Error::Unavailable(_))), "{checked:?}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn should_go_on_when_temporal_comes_back() {
    let mut server = Server::new(closed_port());
    let temporal = Temporal::connect(&server.address()).expect("an address");
    let journal = Arc::new(Journal::default());
    let pool = WorkerPool::start(temporal.clone(), Arc::clone(&journal) as _, Policy::strict(), sandbox())
        .expect("a pool");
    assert!(matches!(temporal.check().await, Err(Error::Unavailable(_))));

    server.start().await;
    eventually(async || temporal.check().await.is_ok()).await;
    let scope = provisioned(&temporal).await;
    pool.ensure(&scope);
    let tasks = json!([{ "a": { "set": { "n": 1 } } }]);
    let before = start(&temporal, &scope, tasks.clone()).await;
    journal.outcome(before).await;

    server.stop().await;
    eventually(async || matches!(temporal.check().await, Err(Error::Unavailable(_)))).await;
    server.start().await;
    eventually(async || temporal.check().await.is_ok()).await;
    let after = start(&temporal, &scope, tasks).await;
    assert_eq!(journal.outcome(after).await, Outcome::Completed(json!({ "n": 1 })));
    pool.stop().await;
}
