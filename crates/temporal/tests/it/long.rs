//! Executions that have much to do take their turn with others and go on in new runs, and nothing is lost on the way.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use temporalio_client::{
    Client, UntypedWorkflow, WorkflowDescribeOptions, WorkflowExecutionDescription, WorkflowExecutionStatus,
    WorkflowHandle,
};
use temporalio_common::search_attributes::SearchAttributeKey;
use tenantry_domain::{ExecutionId, execution::Outcome};
use tenantry_temporal::{Dispatcher, dispatcher::TASKS_QUERY};

use crate::harness::{Fixture, Service, eventually_within};

const EXECUTION_ID: SearchAttributeKey<String> = SearchAttributeKey::keyword("TenantryExecutionId");

/// What so many tasks may take beside all other tests.
const PATIENCE: Duration = Duration::from_mins(3);

/// Two tasks for each number, a call for each that `calls` divides, and a wait for each 2,500th.
fn counting_to(number: u32, calls: u32, service: &Service) -> Value {
    let count = json!({
        "n": "${ (.n // 0) + 1 }",
        "began": "${ .began // $workflow.startedAt.epoch.milliseconds }",
        "same": "${ .began == null or (.same and .began == $workflow.startedAt.epoch.milliseconds) }",
    });
    let mut call = service.task();
    call["output"] = json!({ "as": "$input" });
    call["then"] = json!("count");
    json!([
        { "count": { "set": count } },
        { "again": { "switch": [
            { "done": { "when": format!(".n >= {number}"), "then": "end" } },
            { "rest": { "when": ".n % 2500 == 0", "then": "rest" } },
            { "ask": { "when": format!(".n % {calls} == 0"), "then": "ask" } },
            { "more": { "then": "count" } },
        ] } },
        { "rest": { "wait": { "milliseconds": 1 }, "then": "count" } },
        { "ask": call },
    ])
}

/// A loop that costs so much that each portion is another run.
fn burning() -> Value {
    json!([{ "burn": { "set": { "n": "${ [range(100000)] | length }" }, "then": "burn" } }])
}

/// An execution as Temporal has it.
struct Look(WorkflowHandle<Client, UntypedWorkflow>);

impl Look {
    async fn at(fixture: &Fixture, execution: ExecutionId) -> Self {
        Self(fixture.client().await.get_workflow_handle(execution.to_string()))
    }

    async fn described(&self) -> WorkflowExecutionDescription {
        self.0.describe(WorkflowDescribeOptions::default()).await.expect("the workflow")
    }

    /// The id of the current run.
    async fn run(&self) -> String {
        self.described().await.run_id().to_owned()
    }

    /// Waits for a later run than this.
    async fn after(&self, run: &str) {
        eventually_within(PATIENCE, async || self.run().await != run).await;
    }
}

#[tokio::test]
async fn should_run_20_000_tasks_in_several_runs() {
    let fixture = Fixture::new().await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let service = Service::start(0).await;
    let execution = fixture.start(counting_to(10_000, 50, &service)).await;
    let look = Look::at(&fixture, execution).await;
    let first = look.run().await;
    let Outcome::Completed(output) = fixture.journal.outcome_within(execution, PATIENCE).await else {
        panic!("it completes")
    };
    assert_eq!((&output["n"], &output["same"]), (&json!(10_000), &json!(true)));
    assert_eq!(service.calls(), 196);
    assert_eq!(fixture.journal.latest_tasks().as_array().map(Vec::len), Some(1_000));

    eventually_within(PATIENCE, async || {
        look.described().await.status() == WorkflowExecutionStatus::Completed
    })
    .await;
    let described = look.described().await;
    assert_ne!(described.run_id(), first);
    assert_eq!(fixture.journal.latest_run_id().as_deref(), Some(described.run_id()));
    assert!(described.history_length() < 1_100, "{}", described.history_length());
    let id = described.search_attributes().get(&EXECUTION_ID);
    assert_eq!(id, Some(execution.to_string()));
    pool.stop().await;
}

#[tokio::test]
async fn should_run_tasks_that_wait_for_nothing() {
    let fixture = Fixture::new().await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let mut tasks = counting_to(2_500, 1, &Service::start(0).await);
    tasks[1]["again"]["switch"].as_array_mut().expect("cases").drain(1..3);
    let execution = fixture.start(tasks).await;
    let Outcome::Completed(output) = fixture.journal.outcome_within(execution, PATIENCE).await else {
        panic!("it completes")
    };
    assert_eq!(output["n"], json!(2_500));
    pool.stop().await;
}

#[tokio::test]
async fn should_end_what_never_waits_and_costs_too_much() {
    let fixture = Fixture::new().await;
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let execution = fixture.start(burning()).await;
    let (look, mut runs) = (Look::at(&fixture, execution).await, HashSet::new());
    let outcome = async {
        loop {
            tokio::select! {
                outcome = fixture.journal.outcome_within(execution, PATIENCE) => return outcome,
                run = look.run() => { runs.insert(run); }
            }
        }
    };
    let Outcome::Failed(error) = outcome.await else { panic!("it fails") };
    let detail = error["detail"].as_str().expect("a detail");
    assert!(detail.contains("without a task that waits"), "{detail}");
    assert!(runs.len() > 5, "{runs:?}");
    pool.stop().await;
}

#[tokio::test]
async fn should_cancel_whenever_that_is_asked_for() {
    let fixture = Fixture::new().await;
    let dispatcher = Dispatcher::new(fixture.temporal.clone());
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let service = Service::start(0).await;
    let counting = fixture.start(counting_to(1_000_000, 3, &service)).await;
    let look = Look::at(&fixture, counting).await;
    look.after(&look.run().await).await;
    dispatcher.cancel(&fixture.scope, &counting.into()).await.expect("a request to stop");
    assert_eq!(fixture.journal.outcome_within(counting, PATIENCE).await, Outcome::Canceled);

    // Each run of these is over at once, and the next begins a while later: some requests come before that and some after.
    let mut burning_ones = Vec::new();
    for _ in 0..3 {
        burning_ones.push(fixture.start(burning()).await);
    }
    for (number, execution) in burning_ones.into_iter().enumerate() {
        let look = Look::at(&fixture, execution).await;
        if number % 2 == 0 {
            look.after(&look.run().await).await;
        }
        dispatcher.cancel(&fixture.scope, &execution.into()).await.expect("a request to stop");
        assert_eq!(fixture.journal.outcome_within(execution, PATIENCE).await, Outcome::Canceled);
    }
    pool.stop().await;
}

#[tokio::test]
async fn should_go_on_after_a_restart_in_a_later_run() {
    let fixture = Fixture::new().await;
    let dispatcher = Dispatcher::new(fixture.temporal.clone());
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let service = Service::start(0).await;
    let execution = fixture.start(counting_to(900, 3, &service)).await;
    let look = Look::at(&fixture, execution).await;
    look.after(&look.run().await).await;
    pool.stop().await;
    assert!(fixture.journal.entries().is_empty());

    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    // Temporal looks for the worker that has stopped first.
    eventually_within(PATIENCE, async || {
        let answer = dispatcher.query(&fixture.scope, &execution.into(), TASKS_QUERY).await;
        let Ok(Some(answer)) = answer else { return false };
        let tasks: Value = serde_json::from_slice(&answer).expect("JSON");
        tasks.as_array().is_some_and(|tasks| tasks.len() > 500)
    })
    .await;
    let Outcome::Completed(output) = fixture.journal.outcome_within(execution, PATIENCE).await else {
        panic!("it completes")
    };
    assert_eq!((&output["n"], &output["same"]), (&json!(900), &json!(true)));
    pool.stop().await;
}

#[tokio::test]
async fn should_end_for_good_what_has_gone_on_in_a_later_run() {
    let fixture = Fixture::new().await;
    let dispatcher = Dispatcher::new(fixture.temporal.clone());
    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    let execution = fixture.start(burning()).await;
    let look = Look::at(&fixture, execution).await;
    look.after(&look.run().await).await;
    assert!(dispatcher.terminate(&fixture.scope, &execution.into(), "enough").await.expect("an answer"));
    assert_eq!(look.described().await.status(), WorkflowExecutionStatus::Terminated);
    pool.stop().await;
}
