//! The hosted workers: one for each namespace that has work, each on a thread of its own.
//!
//! The thread is what keeps one organization's definitions from delaying another's: the system gives each thread its share of the
//! processor, however much one of them computes. What waits needs no thread; so calls and writes, and the SDK's own tasks, are the
//! process's.
//!
//! | wanted | running | what happens |
//! |---|---|---|
//! | yes | no | it starts; if that fails, it starts again after a pause, longer each time |
//! | yes | yes | nothing; if its namespace was registered again, it stops and starts |
//! | no | yes | it stops polling, hands back what it has in hand, and is forgotten |
//! | no | no | nothing |
//!
//! What a schedule starts is the same workflow, without a definition in its input: its first step records it as an execution, and is
//! answered with what it runs.
//!
//! Temporal keeps what a stopped worker had in hand and gives it to the next one, here or on another node. An HTTP call
//! that was under way is then made again: a definition's calls happen at least once.

pub(crate) mod activities;
mod host;
mod journal;
mod payload;
mod supervisor;
pub(crate) mod workflow;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use temporalio_sdk::{Runtime, runtime::RuntimeOptions};
use tenantry_domain::{OrgScope, OrganizationId, chain};
use tenantry_dsl::expression::Evaluator;
use tokio::{runtime::Handle, sync::watch, time::timeout};

use self::host::Hosts;
pub use self::journal::{Ending, ExecutionJournal, Recording, ScheduledRun, ScheduledStart};
use crate::{Error, Temporal, egress};

/// How long a stopping worker waits for activities before it cuts them off.
const GRACE: Duration = Duration::from_secs(2);
/// How long [`WorkerPool::stop`] takes at most.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The workers of this process.
pub struct WorkerPool {
    hosts: Hosts,
    workers: Workers,
}

/// What every worker needs.
struct Shared {
    temporal: Temporal,
    runtime: Runtime,
    journal: Arc<dyn ExecutionJournal>,
    http: egress::client::Client,
    evaluator: Arc<dyn Evaluator>,
}

/// Which organizations have a worker, and whether it is still wanted. An entry leaves the map, under its lock, only when
/// its worker has stopped and is not wanted: so there are never two of one namespace.
type Workers = Arc<Mutex<HashMap<OrganizationId, Entry>>>;

/// A worker, as the pool knows it.
struct Entry {
    wanted: watch::Sender<bool>,
    /// When somebody last said that it has work.
    ensured: Instant,
}

impl WorkerPool {
    /// A pool without workers. Executions are written down in `journal`; their calls go where `egress` lets them; `evaluator` evaluates their
    /// expressions.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn start(
        temporal: Temporal,
        journal: Arc<dyn ExecutionJournal>,
        egress: egress::Policy,
        evaluator: Arc<dyn Evaluator>,
    ) -> Result<Self, Error> {
        // The SDK's own heartbeat leaks a thread with each stopped worker.
        let options = RuntimeOptions::builder().heartbeat_interval(None).build().map_err(Error::internal)?;
        let shared = Arc::new(Shared {
            temporal,
            runtime: Runtime::from_current_tokio(options).map_err(Error::internal)?,
            journal,
            http: egress::client::Client::new(egress).map_err(Error::internal)?,
            evaluator,
        });
        Ok(Self { hosts: Hosts::new(shared, Handle::current()), workers: Workers::default() })
    }

    /// From now on a worker runs for the organization. It returns at once; that one runs already is fine.
    pub fn ensure(&self, scope: &OrgScope) {
        let mut workers = lock(&self.workers);
        let organization = scope.organization();
        if let Some(worker) = workers.get_mut(&organization) {
            worker.ensured = Instant::now();
            worker.wanted.send_replace(true);
            return;
        }
        let (sender, wanted) = watch::channel(true);
        let job = host::Job { scope: scope.for_background(), wanted, workers: Arc::clone(&self.workers) };
        match self.hosts.run(job) {
            Ok(()) => drop(workers.insert(organization, Entry { wanted: sender, ensured: Instant::now() })),
            // Whoever wants the worker says so again, once a second.
            Err(error) => {
                tracing::error!(%organization, error = chain(&error), "there is no thread for a hosted worker");
            }
        }
    }

    /// The organizations that have a worker.
    pub fn organizations(&self) -> Vec<OrganizationId> {
        lock(&self.workers).keys().copied().collect()
    }

    /// Stops the workers of organizations for which `wanted` is false, which is told for how long nobody has [ensured](Self::ensure) one.
    /// It returns at once.
    pub fn retain(&self, wanted: impl Fn(OrganizationId, Duration) -> bool) {
        for (&organization, worker) in &*lock(&self.workers) {
            if !wanted(organization, worker.ensured.elapsed()) {
                worker.wanted.send_replace(false);
            }
        }
    }

    /// How many workers there are, those that are starting or stopping included.
    pub fn len(&self) -> usize {
        lock(&self.workers).len()
    }

    /// Whether there is no worker.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stops all workers, within a few seconds. What they had in hand, Temporal gives to another worker later.
    pub async fn stop(&self) {
        self.retain(|_, _| false);
        if timeout(STOP_LIMIT, self.hosts.stop()).await.is_err() {
            tracing::warn!(
                "some hosted workers did not stop in time; Temporal will repeat what they had in hand"
            );
        }
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.retain(|_, _| false);
    }
}

fn lock(workers: &Workers) -> MutexGuard<'_, HashMap<OrganizationId, Entry>> {
    workers.lock().unwrap_or_else(PoisonError::into_inner)
}
