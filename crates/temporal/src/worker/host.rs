//! A thread that runs workers. Workflow code is not `Send`, so each worker stays on one thread.

use std::{io, sync::Arc, thread};

use tenantry_domain::OrgScope;
use tokio::{
    runtime,
    sync::{mpsc, watch},
    task::LocalSet,
};
use tokio_util::sync::CancellationToken;

use super::{Shared, Workers, supervisor};

/// The other end of the thread.
pub(super) struct Host {
    jobs: mpsc::UnboundedSender<Job>,
    stop: CancellationToken,
    finished: CancellationToken,
}

/// A worker to run for as long as it is wanted.
pub(super) struct Job {
    pub(super) scope: OrgScope,
    pub(super) wanted: watch::Receiver<bool>,
    pub(super) workers: Workers,
}

impl Host {
    pub(super) fn start(number: usize, shared: Arc<Shared>) -> io::Result<Self> {
        let (jobs, queue) = mpsc::unbounded_channel();
        let (stop, finished) = (CancellationToken::new(), CancellationToken::new());
        let (stopping, finish) = (stop.clone(), finished.clone().drop_guard());
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            runtime.block_on(serve(shared, queue, stopping));
            runtime.shutdown_background();
            drop(finish);
        })?;
        Ok(Self { jobs, stop, finished })
    }

    /// Whether the thread took the job; it does unless it has died.
    pub(super) fn run(&self, job: Job) -> bool {
        self.jobs.send(job).is_ok()
    }

    /// Takes no more jobs, and waits until every worker of the thread has stopped.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.finished.cancelled().await;
    }
}

async fn serve(shared: Arc<Shared>, mut jobs: mpsc::UnboundedReceiver<Job>, stop: CancellationToken) {
    let workers = LocalSet::new();
    workers
        .run_until(async {
            while let Some(Some(job)) = stop.run_until_cancelled(jobs.recv()).await {
                tokio::task::spawn_local(supervisor::supervise(Arc::clone(&shared), job));
            }
        })
        .await;
    workers.await;
}
