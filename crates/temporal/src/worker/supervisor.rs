//! Keeps one organization's worker running while it is wanted.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt;
use temporalio_client::Connection;
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::{
    Worker, WorkerOptions,
    runtime::{
        PollerBehavior,
        worker_tuner::{FixedSizeSlotSupplier, TunerHolder},
    },
};
use tenantry_domain::{OrgScope, OrganizationId, chain};
use tokio::{
    sync::{broadcast, watch},
    time::{sleep, timeout},
};

use super::{
    GRACE, Shared,
    activities::{Activities, HEARTBEAT, WRITES},
    host::Job,
    lock,
    workflow::HostedWorkflow,
};
use crate::{Error, dispatcher::TASK_QUEUE};

/// Workers are not routed by build, so the build's name is fixed: by default the SDK hashes the whole executable.
const BUILD: &str = concat!("tenantry-", env!("CARGO_PKG_VERSION"));
const CACHED_WORKFLOWS: usize = 100;
const CONCURRENT_WORKFLOW_TASKS: usize = 20;
/// How often a worker asks how many activities it may have under way.
const ASK_EVERY: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

pub(super) async fn supervise(shared: Arc<Shared>, job: Job) {
    let Job { scope, mut wanted, workers } = job;
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        let run = AssertUnwindSafe(run_while_wanted(&shared, &scope, &mut wanted)).catch_unwind().await;
        match run.unwrap_or_else(|_| Err(Error::internal("the worker panicked"))) {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) => {
                if began.elapsed() > LONGEST_PAUSE {
                    pause = FIRST_PAUSE;
                }
                let (organization, namespace) = (scope.organization(), scope.namespace().as_str());
                tracing::warn!(%organization, namespace, error = chain(&error), "hosted worker failed; it will start again");
                if error.tells_of_no_namespace() {
                    shared.temporal.suspects().note(organization);
                }
                let _ = timeout(pause, unwanted(&mut wanted)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        let mut workers = lock(&workers);
        if !*wanted.borrow() {
            workers.remove(&scope.organization());
            return;
        }
    }
}

/// Waits until the worker is not wanted. What `wait_for` answers locks the channel, so it must not outlive the wait.
async fn unwanted(wanted: &mut watch::Receiver<bool>) {
    drop(wanted.wait_for(|wanted| !wanted).await);
}

/// Waits until the organization's namespace is another than it was.
async fn renewed(renewals: &mut broadcast::Receiver<OrganizationId>, organization: OrganizationId) {
    // An error says that some renewals were missed: this may have been among them.
    while renewals.recv().await.is_ok_and(|renewed| renewed != organization) {}
}

/// Waits until the organization may have another number of activities under way.
async fn limited_anew(shared: &Shared, scope: &OrgScope, limit: u32) {
    loop {
        sleep(ASK_EVERY).await;
        // While nobody can say, the limit stays.
        if shared.journal.activity_limit(scope).await.is_ok_and(|now| now != limit) {
            return;
        }
    }
}

/// Runs a worker until it is not wanted any more, or until its namespace or its limit is another.
async fn run_while_wanted(
    shared: &Arc<Shared>,
    scope: &OrgScope,
    wanted: &mut watch::Receiver<bool>,
) -> Result<(), Error> {
    let mut renewals = shared.temporal.renewed().subscribe();
    let asked = async {
        let limit = shared.journal.activity_limit(scope).await.map_err(Error::Unavailable)?;
        Ok::<_, Error>((limit, make(shared, scope, limit).await?))
    };
    let (limit, (mut worker, registration)) = tokio::select! {
        made = asked => made?,
        () = unwanted(wanted) => return Ok(()),
    };
    let (organization, namespace) = (scope.organization(), scope.namespace().as_str());
    tracing::info!(%organization, namespace, "hosted worker started");
    let running = worker.run();
    tokio::pin!(running);
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = unwanted(wanted) => {
            registration.shut_down();
            running.await
        }
        () = renewed(&mut renewals, organization) => {
            registration.shut_down();
            running.await
        }
        () = limited_anew(shared, scope, limit) => {
            registration.shut_down();
            running.await
        }
    };
    tracing::info!(%organization, namespace, "hosted worker stopped");
    ended.map_err(Error::internal)
}

/// The connection's own note of a worker. It outlives a worker that failed, would refuse the next one of the namespace,
/// and is never dropped by the SDK: so this drops it, however the worker ends.
struct Registration {
    shut_down: Box<dyn Fn()>,
    forget: Box<dyn Fn()>,
}

impl Registration {
    fn of(worker: &Worker, connection: &Connection) -> Self {
        let (workers, key) = (connection.workers(), worker.worker_instance_key());
        let forget = move || drop(workers.finalize_unregister(key));
        Self { shut_down: Box::new(worker.shutdown_handle()), forget: Box::new(forget) }
    }

    fn shut_down(&self) {
        (self.shut_down)();
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        (self.shut_down)();
        (self.forget)();
    }
}

async fn make(
    shared: &Arc<Shared>,
    scope: &OrgScope,
    activities: u32,
) -> Result<(Worker, Registration), Error> {
    let client = shared.temporal.client(scope).await?;
    let connection = client.connection().clone();
    let options = options(shared, scope, activities)?;
    let worker = Worker::new(&shared.runtime, client, options).map_err(Error::internal)?;
    let registration = Registration::of(&worker, &connection);
    Ok((worker, registration))
}

fn options(shared: &Arc<Shared>, scope: &OrgScope, activities: u32) -> Result<WorkerOptions, Error> {
    let activities = usize::try_from(activities).map_err(Error::internal)?;
    let evaluator = Arc::clone(&shared.evaluator);
    let builder = WorkerOptions::new(TASK_QUEUE)
        .deployment_options(WorkerDeploymentOptions::from_build_id(BUILD.to_owned()))
        .max_cached_workflows(CACHED_WORKFLOWS)
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(2))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(1))
        .tuner(
            TunerHolder::builder()
                .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(CONCURRENT_WORKFLOW_TASKS))
                .activity_task_slot_supplier(FixedSizeSlotSupplier::new(activities))
                .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(WRITES))
                .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
                .build(),
        )
        .sticky_queue_schedule_to_start_timeout(Duration::from_secs(5))
        .max_heartbeat_throttle_interval(HEARTBEAT)
        .graceful_shutdown_period(GRACE)
        .register_workflow_with_factory(move || HostedWorkflow::new(Arc::clone(&evaluator)))
        .map_err(Error::internal)?;
    Ok(builder.register_activities(Activities::new(Arc::clone(shared), scope.clone())).build())
}
