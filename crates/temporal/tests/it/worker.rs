//! Hosted workers run definitions to their end, across restarts, each in its own namespace.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::future::join_all;
use serde_json::{Value, json};
use temporalio_client::{
    UntypedWorkflow, WorkflowCancelOptions, WorkflowDescribeOptions, WorkflowExecutionStatus,
    WorkflowGetResultOptions,
};
use tenantry_domain::{ExecutionId, execution::Outcome};
use tenantry_dsl::expression::{self, Arguments, Evaluator, Expression};
use tenantry_sandbox::Sandbox;
use tenantry_temporal::{
    Dispatcher, Drift, Error, Namespaces, Temporal, WorkerPool, dispatcher::TASKS_QUERY, egress::Policy,
};
use tenantry_test_support::{AS_IN_PRODUCTION, PrivateTemporal};
use tokio::{sync::mpsc, time::timeout};

use crate::harness::{
    DAY, Fixture, Journal, PATIENCE, Service, eventually, execution, organization, provisioned, sandbox,
    start,
};

fn wait(milliseconds: u32) -> Value {
    json!({ "wait": { "milliseconds": milliseconds } })
}

#[tokio::test]
async fn should_run_a_definition_to_its_end() {
    let fixture = Fixture::new().await;
    let service = Service::start(0).await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let tasks = json!([
        { "begin": { "set": { "item": "book" } } },
        { "fetch": service.task() },
        { "choose": { "switch": [{ "large": { "when": "${ .total > 10 }", "then": "rest" } }] } },
        { "rest": wait(50) },
    ]);
    let execution = fixture.start(tasks).await;
    assert_eq!(fixture.journal.outcome(execution).await, Outcome::Completed(json!({ "total": 42 })));
    pool.stop().await;
    assert_eq!((service.calls(), fixture.journal.entries().len()), (1, 1));
}

#[tokio::test]
async fn should_fail_with_the_error_of_the_call() {
    let fixture = Fixture::new().await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let call = json!({ "call": "http", "with": { "method": "get", "endpoint": "http://10.0.0.1/" } });
    let execution = fixture.start(json!([{ "fetch": call }])).await;
    let Outcome::Failed(error) = fixture.journal.outcome(execution).await else { panic!("it should fail") };
    let detail = "the address of 10.0.0.1 is not allowed by the egress policy of this deployment";
    assert_eq!((&error["status"], &error["detail"]), (&json!(403), &json!(detail)));

    let client = fixture.client().await;
    let handle = client.get_workflow_handle::<UntypedWorkflow>(execution.to_string());
    eventually(async || {
        let described = handle.describe(WorkflowDescribeOptions::default()).await.expect("the workflow");
        described.status() == WorkflowExecutionStatus::Failed
    })
    .await;
    pool.stop().await;
}

#[tokio::test]
async fn should_write_the_outcome_down_until_that_succeeds() {
    assert_eq!(activities_to_end(3).await, 1);
}

#[tokio::test]
async fn should_take_no_activity_to_write_the_outcome_down() {
    assert_eq!(activities_to_end(0).await, 0);
}

/// How many activities an execution without calls takes whose end cannot be written down so often.
async fn activities_to_end(failures: usize) -> usize {
    let fixture = Fixture::new().await;
    fixture.journal.fail(failures);
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let execution = fixture.start(json!([{ "a": { "set": { "n": 1 } } }])).await;
    assert_eq!(fixture.journal.outcome(execution).await, Outcome::Completed(json!({ "n": 1 })));
    let activities = activities_of(&fixture, execution).await;
    pool.stop().await;
    activities
}

#[tokio::test]
async fn should_not_wait_long_for_an_outcome_that_is_not_written_down() {
    let fixture = Fixture::new().await;
    // As many as are written at the same time.
    fixture.journal.hang(4);
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let tasks = json!([{ "a": { "set": { "n": 1 } } }]);
    let executions = join_all((0..6).map(|_| fixture.start(tasks.clone()))).await;
    for execution in executions {
        assert_eq!(fixture.journal.outcome(execution).await, Outcome::Completed(json!({ "n": 1 })));
        activities_of(&fixture, execution).await;
    }
    pool.stop().await;
}

/// How many activities Temporal was asked for by an execution, which ends.
async fn activities_of(fixture: &Fixture, execution: ExecutionId) -> usize {
    let handle = fixture.client().await.get_workflow_handle::<UntypedWorkflow>(execution.to_string());
    handle.get_result(WorkflowGetResultOptions::default()).await.expect("it ends well");
    let history = fixture.history(execution, None).await;
    let events = history["events"].as_array().expect("events");
    let scheduled = "ActivityTaskScheduledEventAttributes";
    events.iter().filter(|event| event["attributes"].get(scheduled).is_some()).count()
}

#[tokio::test]
async fn should_go_on_after_a_restart_without_calling_again() {
    let fixture = Fixture::new().await;
    let service = Service::start(0).await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let execution = fixture.start(json!([{ "fetch": service.task() }, { "rest": wait(2000) }])).await;
    service.called().await;
    pool.stop().await;

    assert!(fixture.journal.entries().is_empty());
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    assert_eq!(fixture.journal.outcome(execution).await, Outcome::Completed(json!({ "total": 42 })));
    assert_eq!(service.calls(), 1);
    pool.stop().await;
}

#[tokio::test]
async fn should_make_a_call_again_whose_worker_was_stopped() {
    let fixture = Fixture::new().await;
    let service = Service::start(1).await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let execution = fixture.start(json!([{ "fetch": service.task() }])).await;
    service.called().await;
    pool.stop().await;

    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    assert_eq!(fixture.journal.outcome(execution).await, Outcome::Completed(json!({ "total": 42 })));
    assert_eq!(service.calls(), 2);
    pool.stop().await;
}

#[tokio::test]
async fn should_record_that_somebody_cancelled() {
    let fixture = Fixture::new().await;
    let service = Service::start(1).await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let waiting = fixture.start(json!([{ "rest": wait(60_000) }])).await;
    let calling = fixture.start(json!([{ "fetch": service.task() }])).await;
    service.called().await;
    let client = fixture.client().await;
    for execution in [waiting, calling] {
        let handle = client.get_workflow_handle::<UntypedWorkflow>(execution.to_string());
        handle.cancel(WorkflowCancelOptions::default()).await.expect("a request to stop");
        assert_eq!(fixture.journal.outcome(execution).await, Outcome::Canceled);
        eventually(async || {
            let described = handle.describe(WorkflowDescribeOptions::default()).await.expect("the workflow");
            described.status() == WorkflowExecutionStatus::Canceled
        })
        .await;
    }
    pool.stop().await;
}

#[tokio::test]
async fn should_keep_organizations_apart() {
    let fixture = Fixture::new().await;
    let other = provisioned(&fixture.temporal).await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let tasks = json!([{ "a": { "set": { "n": 1 } } }]);
    let theirs = start(&fixture.temporal, &other, tasks.clone()).await;
    let own = fixture.start(tasks).await;
    fixture.journal.outcome(own).await;
    assert_eq!(fixture.journal.entries().len(), 1);

    pool.ensure(&other);
    fixture.journal.outcome(theirs).await;
    let by: Vec<_> =
        fixture.journal.entries().into_iter().map(|(by, execution, _)| (by, execution)).collect();
    assert_eq!(by, [(fixture.scope.organization(), own), (other.organization(), theirs)]);
    pool.stop().await;
}

#[tokio::test]
async fn should_stop_a_worker_without_work_and_start_it_again() {
    let fixture = Fixture::new().await;
    let pool = fixture.pool();
    for round in 0..3 {
        pool.ensure(&fixture.scope);
        pool.ensure(&fixture.scope);
        assert_eq!(pool.len(), 1);
        let execution = fixture.start(json!([{ "a": { "set": { "round": round } } }])).await;
        fixture.journal.outcome(execution).await;
        pool.retain(|_, _| false);
        if round == 1 {
            eventually(async || pool.is_empty()).await;
        }
    }
    pool.stop().await;
}

#[tokio::test]
async fn should_fail_an_execution_whose_output_temporal_cannot_hold() {
    let fixture = Fixture::new().await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let text = "x".repeat(1024 * 1024);
    let mut execution = execution(json!([{ "a": { "set": "${ [., .] }" } }]));
    execution.input = json!(text);
    let id = execution.id;
    Dispatcher::new(fixture.temporal.clone()).start(&fixture.scope, execution).await.expect("a run");
    assert!(matches!(fixture.journal.outcome(id).await, Outcome::Failed(_)));
    pool.stop().await;
}

#[tokio::test]
async fn should_start_a_worker_once_there_is_a_namespace() {
    let mut fixture = Fixture::new().await;
    fixture.scope = organization();
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    // Time enough for a first attempt, which must not stand in the way of the next.
    let asked = Instant::now();
    eventually(async || asked.elapsed() > Duration::from_millis(300)).await;
    Namespaces::new(fixture.temporal.clone()).ensure(&fixture.scope, DAY).await.expect("a namespace");
    let execution = fixture.start(json!([{ "a": { "set": { "n": 1 } } }])).await;
    assert_eq!(fixture.journal.outcome(execution).await, Outcome::Completed(json!({ "n": 1 })));
    pool.stop().await;
}

#[tokio::test]
async fn should_tell_the_states_of_the_tasks_while_and_after_they_run() {
    let fixture = Fixture::new().await;
    let dispatcher = Dispatcher::new(fixture.temporal.clone());
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let execution = fixture.start(json!([{ "a": { "set": { "n": 1 } } }, { "rest": wait(1500) }])).await;
    let ask = async || {
        let answer = dispatcher.query(&fixture.scope, &execution.into(), TASKS_QUERY).await;
        let answer = answer.expect("an answer").expect("an execution");
        let tasks: Value = serde_json::from_slice(&answer).expect("JSON");
        [tasks[0]["status"].clone(), tasks[1]["status"].clone()]
    };
    eventually(async || ask().await == [json!("completed"), json!("running")]).await;
    fixture.journal.outcome(execution).await;
    let written = fixture.journal.latest_tasks();
    assert_eq!(written[1]["status"], json!("completed"));
    assert!(written[1]["ended_at"].as_str() > written[1]["started_at"].as_str());
    assert_eq!(ask().await, [json!("completed"), json!("completed")]);
    pool.stop().await;
}

#[tokio::test]
async fn should_say_that_no_worker_answers() {
    let fixture = Fixture::new().await;
    let execution = fixture.start(json!([{ "a": { "set": { "n": 1 } } }])).await;
    let dispatcher = Dispatcher::new(fixture.temporal.clone());
    let answer = dispatcher.query(&fixture.scope, &execution.into(), TASKS_QUERY).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn should_go_on_at_once_in_a_namespace_that_was_deleted_and_made_again() {
    let server = PrivateTemporal::start(&AS_IN_PRODUCTION).await;
    let temporal = Temporal::connect(&server.address()).expect("an address");
    let (journal, scope) = (Arc::new(Journal::default()), provisioned(&temporal).await);
    let fixture = Fixture { temporal, scope, journal };
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let tasks = json!([{ "a": { "set": { "n": 1 } } }]);
    fixture.journal.outcome(fixture.start(tasks.clone()).await).await;

    let namespaces = Namespaces::new(fixture.temporal.clone());
    namespaces.delete(&fixture.scope).await.expect("it is deleted");
    // For a while Temporal goes on as if it were there, and so does the worker, who then waits for what never comes.
    let lost = execution(tasks.clone());
    if Dispatcher::new(fixture.temporal.clone()).start(&fixture.scope, lost.clone()).await.is_ok() {
        let _ = timeout(Duration::from_secs(1), fixture.journal.outcome(lost.id)).await;
    }
    assert_eq!(namespaces.repair(&fixture.scope, DAY).await.expect("repaired"), [Drift::Missing]);
    let outcome = fixture.journal.outcome(fixture.start(tasks).await).await;
    assert_eq!(outcome, Outcome::Completed(json!({ "n": 1 })));
    pool.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn should_have_as_many_activities_under_way_as_the_organization_may() {
    let fixture = Fixture::new().await;
    let service = Service::start(3).await;
    fixture.journal.limit(2);
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    for _ in 0..3 {
        fixture.start(json!([{ "fetch": service.task() }])).await;
    }
    eventually(async || service.calls() == 2).await;
    let since = Instant::now();
    eventually(async || service.calls() > 2 || since.elapsed() > Duration::from_secs(1)).await;
    assert_eq!(service.calls(), 2, "the third waits");
    fixture.journal.limit(3);
    eventually(async || service.calls() > 2).await;
    pool.stop().await;
}

/// Evaluates expressions, but lets one that says so wait.
struct Stuck {
    sandbox: Arc<Sandbox>,
    reached: mpsc::UnboundedSender<()>,
    go_on: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Evaluator for Stuck {
    fn evaluate(
        &self,
        expression: &Expression,
        input: &Value,
        arguments: &Arguments,
        fuel: &mut u64,
    ) -> Result<Value, expression::Error> {
        if expression.text().contains("stuck") {
            let _ = self.reached.send(());
            let _ = self.go_on.lock().expect("nobody panicked").recv();
        }
        self.sandbox.evaluate(expression, input, arguments, fuel)
    }

    fn check(&self, expression: &Expression, fuel: &mut u64) -> Result<(), expression::Error> {
        self.sandbox.check(expression, fuel)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn should_run_the_executions_of_others_while_one_organization_computes() {
    let fixture = Fixture::new().await;
    let ((reached, mut computing), (go_on, wait)) = (mpsc::unbounded_channel(), std::sync::mpsc::channel());
    let evaluator = Arc::new(Stuck { sandbox: sandbox(), reached, go_on: Mutex::new(wait) });
    let journal = Arc::clone(&fixture.journal) as _;
    let pool = WorkerPool::start(fixture.temporal.clone(), journal, Policy::strict(), evaluator);
    let pool = pool.expect("a pool");
    pool.ensure(&fixture.scope);
    let stuck = fixture.start(json!([{ "compute": { "set": { "n": "${ \"stuck\" }" } } }])).await;
    timeout(PATIENCE, computing.recv()).await.expect("it computes").expect("an expression");

    for _ in 0..4 {
        let other = provisioned(&fixture.temporal).await;
        pool.ensure(&other);
        let execution =
            start(&fixture.temporal, &other, json!([{ "a": { "set": { "n": "${ 1 + 1 }" } } }])).await;
        assert_eq!(fixture.journal.outcome(execution).await, Outcome::Completed(json!({ "n": 2 })));
    }
    assert!(fixture.journal.entries().iter().all(|(_, execution, _)| *execution != stuck));
    drop(go_on);
    assert_eq!(fixture.journal.outcome(stuck).await, Outcome::Completed(json!({ "n": "stuck" })));
    pool.stop().await;
}

#[tokio::test]
async fn should_tell_for_how_long_nobody_has_asked_for_a_worker() {
    let fixture = Fixture::new().await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let idle_for = |least: Duration| {
        pool.retain(|organization, idle| organization != fixture.scope.organization() || idle < least);
        pool.len()
    };
    assert_eq!(
        (idle_for(Duration::from_mins(1)), pool.organizations()),
        (1, vec![fixture.scope.organization()])
    );
    eventually(async || idle_for(Duration::from_millis(100)) == 0).await;
    assert_eq!(pool.organizations(), []);
    pool.stop().await;
}
