//! PostgreSQL, Temporal or the process itself goes away at a bad moment, and comes back.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tenantry_test_support::{App, Database, Link, Servers, eventually};
use tokio::task::JoinSet;

use crate::{
    caller::{Answer, Caller, text},
    operations::{Kind, OPERATIONS},
    tenant::{Tenant, execution_in},
};

const START: &str = "/workflows/quote/executions";
/// Past the time that a request has to hand an execution to Temporal itself.
const HANDOVER: Duration = Duration::from_secs(11);

async fn health(caller: &Caller, path: &str) -> Answer {
    caller.send(Method::GET, path, None).await
}

/// Waits until it says that it can serve, which it may say a second late.
async fn ready(caller: &Caller) {
    eventually("ready again", || async { (health(caller, "/readyz").await.status == 200).then_some(()) })
        .await;
}

fn temporal() -> Link {
    Link::to(&Servers::get().temporal_address)
}

#[tokio::test]
async fn should_say_that_postgresql_is_away_and_recover_without_a_restart() {
    let (mut postgresql, behind_link) = Database::migrated().await.behind_link();
    postgresql.open();
    let app = App::start_with(&Servers::get().temporal_address, behind_link).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;

    postgresql.cut().await;
    let since = Instant::now();
    let mut asked = JoinSet::new();
    for operation in OPERATIONS.iter().filter(|operation| operation.kind != Kind::Open) {
        let (caller, names) = (acme.manager.clone(), acme.names("exe_01h455vb4pex5vsknk084sn02q"));
        asked.spawn(async move { operation.ask(&caller, &names).await });
    }
    assert_eq!(health(&admin, "/healthz").await.status, 200);
    let unready = health(&admin, "/readyz").await.problem(503, "unavailable");
    assert!(text(&unready["detail"]).contains("postgresql"), "{unready}");
    for answer in asked.join_all().await {
        let problem = answer.problem(503, "unavailable");
        assert!(!problem.to_string().to_lowercase().contains("pool"), "{problem}");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());

    postgresql.open();
    ready(&admin).await;
    execution_in(&acme.customer, &acme.start().await, "completed").await;
}

#[tokio::test]
async fn should_record_an_end_that_came_while_postgresql_was_away() {
    let (mut postgresql, behind_link) = Database::migrated().await.behind_link();
    postgresql.open();
    let app = App::start_with(&Servers::get().temporal_address, behind_link).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await;
    let slow = "document: {dsl: '1.0.3', namespace: test, name: quote, version: '1.0.0'}\n\
                do: [{rest: {wait: PT1S}}, {price: {set: {total: '${ .amount * 2 }'}}}]";
    acme.manager.put("/workflows/quote", slow).await.data(201);
    let execution = acme.start().await;
    execution_in(&acme.customer, &execution, "running").await;
    postgresql.cut().await;
    // Nothing here can tell that the end has come: who would is cut off.
    tokio::time::sleep(Duration::from_secs(2)).await;
    postgresql.open();
    let completed = eventually("recorded", || async {
        let answer = acme.customer.get(&format!("/executions/{execution}")).await;
        let execution = (answer.status == 200).then(|| answer.data(200))?;
        (execution["status"] == json!("completed")).then_some(execution)
    });
    assert!(completed.await["ended_at"].is_string());
}

#[tokio::test]
async fn should_provision_by_itself_when_temporal_comes() {
    let mut temporal = temporal();
    let app = App::start_with(&temporal.address(), Database::migrated().await).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::new(&admin, "acme").await.with_quote().await;
    let unready = health(&admin, "/readyz").await.problem(503, "unavailable");
    assert!(text(&unready["detail"]).contains("temporal"), "{unready}");
    let provisioning = eventually("provisioning was tried", || async {
        let organization = acme.manager.get("/organizations/acme").await.data(200);
        organization["status_reason"].is_string().then_some(organization)
    });
    assert_eq!(provisioning.await["status"], json!("provisioning"));

    temporal.open();
    app.active(&acme.id).await;
    let organization = acme.manager.get("/organizations/acme").await.data(200);
    assert_eq!((&organization["status"], &organization["status_reason"]), (&json!("active"), &Value::Null));
    ready(&admin).await;
    execution_in(&acme.customer, &acme.start().await, "completed").await;
}

#[tokio::test]
async fn should_keep_an_execution_pending_until_temporal_is_back() {
    let mut temporal = temporal();
    temporal.open();
    let app = App::start_with(&temporal.address(), Database::migrated().await).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    execution_in(&acme.customer, &acme.start().await, "completed").await;

    temporal.cut().await;
    let since = Instant::now();
    let started = acme.customer.post(START, &json!({"input": {"amount": 4}})).await.data(202);
    assert_eq!((&started["status"], &started["run_id"]), (&json!("pending"), &Value::Null));
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    app.clock.advance(HANDOVER);
    temporal.open();
    let completed = execution_in(&acme.customer, &text(&started["id"]), "completed").await;
    assert_eq!(completed["output"], json!({"total": 8}));
    assert!(completed["run_id"].is_string());
}

// Threads that block one another must fail this test and not hang it: hence more than one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn should_start_what_a_process_recorded_before_it_died() {
    let mut temporal = temporal();
    temporal.open();
    let database = Database::migrated().await;
    let app = App::start_with(&temporal.address(), database.clone()).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    temporal.cut().await;
    let execution = acme.start().await;
    assert_eq!(execution_in(&acme.customer, &execution, "pending").await["run_id"], Value::Null);
    let since = Instant::now();
    app.stop().await;
    // What the workers have in hand is cut off after five seconds; a machine may be busy with more than this test.
    assert!(since.elapsed() < Duration::from_secs(20), "stopping took {:?}", since.elapsed());

    let app = App::start_with(&Servers::get().temporal_address, database).await;
    app.clock.advance(HANDOVER);
    let customer = Caller::anonymous(&app).with_key(&acme.customer.secret).await;
    let completed = execution_in(&customer, &execution, "completed").await;
    assert_eq!(completed["output"], json!({"total": 6}));
    assert_eq!(completed["started_by"], json!(customer.user));
}

#[tokio::test]
async fn should_run_an_execution_once_when_two_nodes_find_it() {
    let mut temporal = temporal();
    temporal.open();
    let database = Database::migrated().await;
    let app = App::start_with(&temporal.address(), database.clone()).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    temporal.cut().await;
    let execution = acme.start().await;
    let other_node = App::start_with(&temporal.address(), database).await;
    app.clock.advance(HANDOVER);
    other_node.clock.advance(HANDOVER);
    temporal.open();
    let completed = execution_in(&acme.customer, &execution, "completed").await;
    let theirs = Caller::anonymous(&other_node).with_key(&acme.customer.secret).await;
    assert_eq!(theirs.walk("/executions").await, [completed]);
}
