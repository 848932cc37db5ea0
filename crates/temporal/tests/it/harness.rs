//! What the tests share: organizations with namespaces of their own, a journal that remembers, and a service to call.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, UntypedWorkflow, WorkflowFetchHistoryOptions,
};
use tenantry_domain::{
    Clock, ExecutionId, Namespace, OrgScope, Organization, OrganizationId, OrganizationStatus, Slug,
    SystemClock, TemporalWorkflowId, execution::Outcome,
};
use tenantry_sandbox::Sandbox;
use tenantry_temporal::{
    Dispatcher, Ending, ExecutionJournal, Namespaces, Program, Recording, ScheduledRun, ScheduledStart,
    StartExecution, Temporal, WorkerPool, egress::Policy,
};
use tenantry_test_support::Servers;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{Notify, watch},
    time::{sleep, timeout},
};

pub(crate) const DAY: Duration = Duration::from_hours(24);
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Where Temporal is.
pub(crate) fn temporal_address() -> &'static str {
    &Servers::get().temporal_address
}

/// A Temporal, and an organization with a usable namespace in it.
pub(crate) struct Fixture {
    pub(crate) temporal: Temporal,
    pub(crate) scope: OrgScope,
    pub(crate) journal: Arc<Journal>,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let temporal = Temporal::connect(temporal_address()).expect("an address");
        let scope = provisioned(&temporal).await;
        Self { temporal, scope, journal: Arc::default() }
    }

    pub(crate) fn pool(&self) -> WorkerPool {
        let policy = "127.0.0.0/8".parse::<Policy>().expect("a network");
        let journal = Arc::clone(&self.journal) as _;
        WorkerPool::start(self.temporal.clone(), journal, policy, sandbox()).expect("a pool")
    }

    pub(crate) async fn start(&self, tasks: Value) -> ExecutionId {
        start(&self.temporal, &self.scope, tasks).await
    }

    /// The SDK's own client, for what the crate does not do.
    pub(crate) async fn client(&self) -> Client {
        let address = temporal_address().trim_start_matches("http://");
        let address = format!("http://{address}").parse::<url::Url>().expect("a URL");
        let options = ConnectionOptions::new(address).build();
        let connection = Connection::connect(options).await.expect("a connection");
        Client::new(connection, ClientOptions::new(self.scope.namespace().as_str()).build())
            .expect("a client")
    }

    /// The history of a run of an execution, the latest if none is said.
    pub(crate) async fn history(&self, execution: ExecutionId, run_id: Option<String>) -> Value {
        let client = self.client().await;
        let mut run = client.get_workflow_handle::<UntypedWorkflow>(execution.to_string()).info().clone();
        run.run_id = run_id;
        let history = run.bind_untyped(client).fetch_history(WorkflowFetchHistoryOptions::default());
        serde_json::from_slice(&history.to_json().await.expect("a history")).expect("JSON")
    }
}

/// What evaluates expressions.
pub(crate) fn sandbox() -> Arc<Sandbox> {
    Arc::new(Sandbox::new().expect("it was built for this machine"))
}

/// A new organization, which has no namespace yet.
pub(crate) fn organization() -> OrgScope {
    let id = OrganizationId::generate(SystemClock.now());
    let slug = Slug::parse("acme").expect("a slug");
    scope(id, Namespace::of(&slug, id))
}

#[expect(clippy::disallowed_methods, reason = "these tests stand where the worker and the reconciler do")]
pub(crate) fn scope(id: OrganizationId, namespace: Namespace) -> OrgScope {
    let now = SystemClock.now();
    OrgScope::for_worker(&Organization {
        id,
        slug: Slug::parse("acme").expect("a slug"),
        name: "Acme".to_owned(),
        status: OrganizationStatus::Active,
        status_reason: None,
        namespace,
        created_at: now,
        updated_at: now,
    })
}

pub(crate) async fn provisioned(temporal: &Temporal) -> OrgScope {
    let scope = organization();
    let namespaces = Namespaces::new(temporal.clone());
    let ensured = async {
        while let Err(error) = namespaces.ensure(&scope, DAY).await {
            assert!(matches!(error, tenantry_temporal::Error::Busy(_)), "{error:?}");
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, ensured).await.expect("a namespace");
    scope
}

pub(crate) fn definition(tasks: Value) -> Value {
    let document = json!({ "dsl": "1.0.3", "namespace": "test", "name": "test", "version": "1.0.0" });
    let mut definition = json!({ "document": document });
    definition["do"] = tasks;
    definition
}

pub(crate) fn execution(tasks: Value) -> StartExecution {
    StartExecution {
        id: ExecutionId::generate(SystemClock.now()),
        program: Program::Definition { name: "test".to_owned(), revision: 1, definition: definition(tasks) },
        input: json!({}),
    }
}

pub(crate) async fn start(temporal: &Temporal, scope: &OrgScope, tasks: Value) -> ExecutionId {
    let execution = execution(tasks);
    let id = execution.id;
    Dispatcher::new(temporal.clone()).start(scope, execution).await.expect("a run id");
    id
}

/// Waits until the condition holds.
pub(crate) async fn eventually(condition: impl AsyncFn() -> bool) {
    eventually_within(PATIENCE, condition).await;
}

/// The same for what takes longer.
pub(crate) async fn eventually_within(patience: Duration, condition: impl AsyncFn() -> bool) {
    let met = async {
        while !condition().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(patience, met).await.expect("the condition holds in time");
}

/// A journal in memory that hangs, and fails, as often as it is told to.
pub(crate) struct Journal {
    entries: watch::Sender<Vec<(OrganizationId, ExecutionId, Outcome)>>,
    /// Those of the latest entry.
    tasks: Mutex<Value>,
    run_id: Mutex<Option<String>>,
    hangings: AtomicUsize,
    failures: AtomicUsize,
    activities: AtomicU32,
    /// What schedules have started, and as what it was recorded.
    started: Mutex<Vec<(ExecutionId, ScheduledRun)>>,
    /// What they are answered, if not that they run.
    answer: Mutex<Option<ScheduledStart>>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            entries: watch::channel(Vec::new()).0,
            tasks: Mutex::default(),
            run_id: Mutex::default(),
            hangings: AtomicUsize::new(0),
            failures: AtomicUsize::new(0),
            activities: AtomicU32::new(50),
            started: Mutex::default(),
            answer: Mutex::default(),
        }
    }
}

impl Journal {
    pub(crate) fn fail(&self, times: usize) {
        self.failures.store(times, Ordering::SeqCst);
    }

    /// Leaves so many ends without an answer.
    pub(crate) fn hang(&self, times: usize) {
        self.hangings.store(times, Ordering::SeqCst);
    }

    /// How many activities may be under way.
    pub(crate) fn limit(&self, activities: u32) {
        self.activities.store(activities, Ordering::SeqCst);
    }

    /// What schedules have started so far.
    pub(crate) fn started(&self) -> Vec<(ExecutionId, ScheduledRun)> {
        self.started.lock().expect("the runs").clone()
    }

    /// Answers this to whatever schedules start.
    pub(crate) fn answer(&self, answer: ScheduledStart) {
        *self.answer.lock().expect("the answer") = Some(answer);
    }

    pub(crate) fn entries(&self) -> Vec<(OrganizationId, ExecutionId, Outcome)> {
        self.entries.borrow().clone()
    }

    pub(crate) fn latest_tasks(&self) -> Value {
        self.tasks.lock().expect("the tasks").clone()
    }

    pub(crate) fn latest_run_id(&self) -> Option<String> {
        self.run_id.lock().expect("the run").clone()
    }

    /// How the execution ended, once it has.
    pub(crate) async fn outcome(&self, execution: ExecutionId) -> Outcome {
        self.outcome_within(execution, PATIENCE).await
    }

    /// The same for one that has more to do.
    pub(crate) async fn outcome_within(&self, execution: ExecutionId, patience: Duration) -> Outcome {
        let mut entries = self.entries.subscribe();
        let there = entries.wait_for(|entries| entries.iter().any(|entry| entry.1 == execution));
        let entries = timeout(patience, there).await.expect("an outcome in time").expect("a journal");
        entries.iter().find(|entry| entry.1 == execution).expect("an entry").2.clone()
    }
}

impl ExecutionJournal for Journal {
    fn activity_limit<'a>(&'a self, _: &'a OrgScope) -> Recording<'a, u32> {
        let limit = self.activities.load(Ordering::SeqCst);
        Box::pin(async move { Ok(limit) })
    }

    fn record_start<'a>(&'a self, _: &'a OrgScope, run: ScheduledRun) -> Recording<'a, ScheduledStart> {
        Box::pin(async move {
            let mut started = self.started.lock().expect("the runs");
            let before = started.iter().find(|(_, before)| before.run_id == run.run_id);
            let execution = before.map_or_else(|| ExecutionId::generate(SystemClock.now()), |(id, _)| *id);
            started.push((execution, run));
            let answer = self.answer.lock().expect("the answer").clone();
            Ok(answer.unwrap_or_else(|| ScheduledStart::Run {
                execution,
                workflow: "test".to_owned(),
                revision: 1,
                definition: definition(json!([{ "a": { "set": { "id": "${ $workflow.id }" } } }])),
                input: json!({}),
            }))
        })
    }

    fn record_outcome<'a>(
        &'a self,
        scope: &'a OrgScope,
        execution: ExecutionId,
        _: TemporalWorkflowId,
        ending: Ending,
    ) -> Recording<'a> {
        Box::pin(async move {
            let is_one_of = |left: &AtomicUsize| {
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
            };
            if is_one_of(&self.hangings) {
                pending::<()>().await;
            }
            if is_one_of(&self.failures) {
                return Err("the journal is away".into());
            }
            *self.tasks.lock().expect("the tasks") = ending.tasks.unwrap_or_default();
            *self.run_id.lock().expect("the run") = ending.run_id;
            let entry = (scope.organization(), execution, ending.outcome);
            self.entries.send_modify(|entries| entries.push(entry));
            Ok(())
        })
    }
}

/// An HTTP service that counts its calls and answers each with `{"total": 42}`, the first ones only when told to.
pub(crate) struct Service {
    pub(crate) url: String,
    calls: Arc<Mutex<usize>>,
    opened: Arc<Notify>,
}

impl Service {
    /// One that leaves this many calls without an answer.
    pub(crate) async fn start(unanswered: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let service = Self { url, calls: Arc::default(), opened: Arc::default() };
        let (calls, opened) = (Arc::clone(&service.calls), Arc::clone(&service.opened));
        tokio::spawn(async move {
            let mut hanging = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                let call = {
                    let mut calls = calls.lock().expect("the count");
                    *calls += 1;
                    *calls
                };
                opened.notify_one();
                if call <= unanswered {
                    hanging.push(stream);
                    continue;
                }
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\nconnection: close\r\n\r\n{\"total\": 42}";
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        service
    }

    pub(crate) fn calls(&self) -> usize {
        *self.calls.lock().expect("the count")
    }

    /// Waits for a call.
    pub(crate) async fn called(&self) {
        timeout(PATIENCE, self.opened.notified()).await.expect("a call in time");
    }

    /// The task that calls it.
    pub(crate) fn task(&self) -> Value {
        json!({ "call": "http", "with": { "method": "get", "endpoint": self.url } })
    }
}
