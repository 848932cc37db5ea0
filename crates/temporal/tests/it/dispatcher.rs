//! What is done to executions: each is handed to Temporal once, and reached from its own organization alone.

use std::{collections::HashSet, time::Duration};

use serde_json::json;
use tenantry_domain::{
    Clock as _, ExecutionId, SignalName, SystemClock, TaskQueueName, TemporalWorkflowId, WorkflowType,
    execution::{Handle, Outcome},
};
use tenantry_temporal::{
    Dispatcher, Error, Program, Seen, Signal, StartExecution, Temporal,
    dispatcher::{Closed, Reset},
};
use tenantry_test_support::{Answer, OwnWorker};

use crate::harness::{Fixture, eventually, execution, organization, provisioned, temporal_address};

#[tokio::test]
async fn should_start_an_execution_once() {
    let fixture = Fixture::new().await;
    let dispatcher = Dispatcher::new(fixture.temporal.clone());
    let execution = execution(json!([{ "a": { "set": { "n": 1 } } }]));
    let first = dispatcher.start(&fixture.scope, execution.clone()).await.expect("a run");
    let second = dispatcher.start(&fixture.scope, execution.clone()).await.expect("the same run");
    assert_eq!(first.run_id, second.run_id);
    assert_eq!((first.earlier, second.earlier), (false, true));

    let pool = fixture.pool();
    pool.ensure(&fixture.scope);
    fixture.journal.outcome(execution.id).await;
    let third = dispatcher.start(&fixture.scope, execution.clone()).await.expect("the same run");
    assert_eq!(first.run_id, third.run_id);
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

const QUEUE: &str = "orders";

/// An execution of an own workflow type, by this name in Temporal.
fn own(workflow_id: &str) -> (StartExecution, Handle) {
    let id = ExecutionId::generate(SystemClock.now());
    let workflow_id = TemporalWorkflowId::parse(workflow_id).expect("a workflow id");
    let program = Program::Own {
        workflow_type: WorkflowType::parse("Order").expect("a type"),
        task_queue: TaskQueueName::parse(QUEUE).expect("a queue"),
        workflow_id: workflow_id.clone(),
    };
    (
        StartExecution { id, program, input: json!({"n": 1}) },
        Handle { id, workflow_id, first_run_id: None, run_id: None },
    )
}

/// An organization with an execution of an own workflow type that runs, and the worker that has it in hand.
struct Own {
    fixture: Fixture,
    dispatcher: Dispatcher,
    worker: OwnWorker,
    start: StartExecution,
    handle: Handle,
}

impl Own {
    async fn running() -> Self {
        let fixture = Fixture::new().await;
        let dispatcher = Dispatcher::new(fixture.temporal.clone());
        let worker = OwnWorker::new(fixture.scope.namespace(), QUEUE).await;
        let (start, handle) = own("order-7");
        let started = dispatcher.start(&fixture.scope, start.clone()).await.expect("a run");
        assert!(!started.earlier);
        let run_id = Some(started.run_id);
        let handle = Handle { first_run_id: run_id.clone(), run_id, ..handle };
        Self { fixture, dispatcher, worker, start, handle }
    }

    async fn look(&self) -> Seen {
        self.dispatcher.look(&self.fixture.scope, &self.handle).await.expect("an answer")
    }

    async fn outcome(&self) -> Outcome {
        match self.look().await {
            Seen::Ended { outcome, at, .. } => {
                assert!(at.is_some());
                outcome
            }
            seen => panic!("it has ended: {seen:?}"),
        }
    }
}

fn signal(request_id: &str) -> Signal {
    let name = SignalName::parse("approve").expect("a name");
    Signal { name, input: Some(json!({"by": "Ada"})), request_id: request_id.to_owned() }
}

#[tokio::test]
async fn should_start_an_own_workflow_once_even_when_it_has_continued_or_ended() {
    let mut own = Own::running().await;
    let again = async |own: &Own| {
        own.dispatcher.start(&own.fixture.scope, own.start.clone()).await.expect("the same execution")
    };
    assert_eq!(Some(again(&own).await.run_id), own.handle.run_id);
    let task = own.worker.task().await;
    assert_eq!((task.workflow_type().as_str(), task.input()), ("Order", vec![r#"{"n":1}"#.to_owned()]));
    own.worker.answer(task, Answer::ContinueAsNew).await;
    let task = own.worker.task().await;
    let continued = again(&own).await;
    assert_eq!((&continued.run_id, continued.earlier), (&task.execution().1, true));
    assert_ne!(Some(continued.run_id), own.handle.run_id);
    own.worker.answer(task, Answer::Complete("1".to_owned())).await;
    assert!(again(&own).await.earlier);
}

#[tokio::test]
async fn should_tell_an_execution_from_another_workflow_with_its_id() {
    let own = Own::running().await;
    let (other, handle) = self::own("order-7");
    let started = own.dispatcher.start(&own.fixture.scope, other).await;
    assert!(matches!(started, Err(Error::WorkflowIdTaken(_))), "{started:?}");
    let seen = own.dispatcher.look(&own.fixture.scope, &handle).await.expect("an answer");
    assert_eq!(seen, Seen::Nowhere, "what runs by its name is not it");
}

#[tokio::test]
async fn should_reach_no_execution_of_another_organization() {
    let mut own = Own::running().await;
    let other = provisioned(&own.fixture.temporal).await;
    let (dispatcher, id) = (&own.dispatcher, &own.handle.workflow_id);
    assert!(!dispatcher.signal(&other, id, signal("s")).await.expect("an answer"));
    dispatcher.cancel(&other, id).await.expect("an answer");
    assert!(!dispatcher.terminate(&other, id, "mine").await.expect("an answer"));
    assert_eq!(dispatcher.query(&other, id, "q").await.expect("an answer"), None);
    let reset = Reset { event: 3, reason: String::new(), request_id: "r".to_owned() };
    assert_eq!(dispatcher.reset(&other, id, reset).await.expect("an answer"), None);
    assert_eq!(dispatcher.look(&other, &own.handle).await.expect("an answer"), Seen::Nowhere);
    assert_eq!(dispatcher.closed_since(&other, None).await.expect("a list"), Closed::default());

    assert!(matches!(own.look().await, Seen::Running { .. }));
    let task = own.worker.task().await;
    assert!(task.signals().is_empty() && !task.is_to_cancel());
}

#[tokio::test]
async fn should_signal_and_cancel() {
    let mut own = Own::running().await;
    own.worker.answer_next(Answer::Wait).await;
    let (scope, id) = (&own.fixture.scope, &own.handle.workflow_id);
    for request in ["one", "one", "two"] {
        assert!(own.dispatcher.signal(scope, id, signal(request)).await.expect("an answer"));
    }
    own.dispatcher.cancel(scope, id).await.expect("an answer");
    let task = own.worker.task().await;
    let sent = ("approve".to_owned(), vec![r#"{"by":"Ada"}"#.to_owned()]);
    assert_eq!(task.signals(), [sent.clone(), sent], "one of them came twice");
    assert!(task.is_to_cancel());
    own.worker.answer(task, Answer::Cancel).await;
    assert_eq!(own.outcome().await, Outcome::Canceled);
    assert!(!own.dispatcher.signal(scope, id, signal("late")).await.expect("an answer"));
    own.dispatcher.cancel(scope, id).await.expect("an answer");
    assert!(!own.dispatcher.terminate(scope, id, "late").await.expect("an answer"));
}

#[tokio::test]
async fn should_terminate() {
    let own = Own::running().await;
    let (scope, id) = (&own.fixture.scope, &own.handle.workflow_id);
    assert!(own.dispatcher.terminate(scope, id, "it went wrong").await.expect("an answer"));
    assert_eq!(own.outcome().await, Outcome::Terminated("it went wrong".to_owned()));
}

#[tokio::test]
async fn should_reset_to_a_run_that_goes_on() {
    let mut own = Own::running().await;
    own.worker.answer_next(Answer::Complete("1".to_owned())).await;
    let (scope, id) = (&own.fixture.scope, &own.handle.workflow_id);
    // Started, task scheduled, task started, task completed.
    let reset = Reset { event: 4, reason: "again".to_owned(), request_id: "once".to_owned() };
    let run = own.dispatcher.reset(scope, id, reset).await.expect("an answer").expect("a run");
    assert_eq!(own.look().await, Seen::Running { run_id: run });
    own.worker.answer_next(Answer::Complete("2".to_owned())).await;
    assert_eq!(own.outcome().await, Outcome::Completed(json!(2)));
}

#[tokio::test]
async fn should_see_how_an_own_workflow_ended() {
    let unread = |why: &'static str| Outcome::CompletedUnread(why.into());
    let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
    let table = [
        (Answer::Complete(r#"{"total":3}"#.to_owned()), Outcome::Completed(json!({"total": 3}))),
        (Answer::CompleteWith(b"\xff".to_vec()), unread("the output is not JSON")),
        (Answer::Complete("{".to_owned()), unread("the output is not JSON")),
        (Answer::Complete(deep), unread("the output is not kept: the value is nested deeper than 100")),
    ];
    for (answer, expected) in table {
        let mut own = Own::running().await;
        own.worker.answer_next(Answer::ContinueAsNew).await;
        own.worker.answer_next(answer).await;
        assert_eq!(own.outcome().await, expected);
    }
    let mut own = Own::running().await;
    own.worker.answer_next(Answer::Fail("Payment", "no money")).await;
    let Outcome::Failed(error) = own.outcome().await else { panic!("it failed") };
    assert_eq!((&error["title"], &error["detail"]), (&json!("Payment"), &json!("no money: no money")));
    assert_eq!(error["status"], json!(500));
}

#[tokio::test]
async fn should_list_what_has_closed_and_not_said_so() {
    let mut own = Own::running().await;
    let (scope, dispatcher) = (own.fixture.scope.clone(), own.dispatcher.clone());
    let pool = own.fixture.pool();
    pool.ensure(&scope);
    let reported = own.fixture.start(json!([{ "a": { "set": { "n": 1 } } }])).await;
    own.fixture.journal.outcome(reported).await;
    let wait = json!([{ "rest": { "wait": { "seconds": 60 } } }]);
    let terminated = own.fixture.start(wait).await;
    assert!(dispatcher.terminate(&scope, &terminated.into(), "").await.expect("an answer"));
    own.worker.answer_next(Answer::Complete("1".to_owned())).await;

    let expected = HashSet::from(["order-7".to_owned(), terminated.to_string()]);
    eventually(async || {
        let closed = dispatcher.closed_since(&scope, None).await.expect("a list");
        closed.workflow_ids == expected
    })
    .await;
    let closed = dispatcher.closed_since(&scope, None).await.expect("a list");
    let latest = closed.latest.expect("a moment");
    let later = dispatcher.closed_since(&scope, Some(latest)).await.expect("a list");
    assert_eq!(later.workflow_ids, HashSet::from(["order-7".to_owned()]));
    let after = latest + Duration::from_secs(1);
    assert_eq!(dispatcher.closed_since(&scope, Some(after)).await.expect("a list"), Closed::default());
    pool.stop().await;
}

#[tokio::test]
async fn should_tell_a_missing_execution_from_a_missing_namespace() {
    let dispatcher = Dispatcher::new(Temporal::connect(temporal_address()).expect("an address"));
    let (_, handle) = own("order-7");
    let looked = dispatcher.look(&organization(), &handle).await;
    assert!(matches!(looked, Err(Error::NoNamespace(_))), "{looked:?}");
}
