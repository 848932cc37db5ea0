//! The threads of the workers. Workflow code is not `Send`, so each worker stays on one thread.

use std::{io, sync::Arc, thread};

use tenantry_domain::OrgScope;
use tokio::{runtime::Handle, sync::watch, task::LocalSet};
use tokio_util::task::TaskTracker;

use super::{Shared, Workers, supervisor};

/// Starts threads, and waits for their ends.
pub(super) struct Hosts {
    shared: Arc<Shared>,
    /// Where everything runs that is not workflow code.
    home: Handle,
    running: TaskTracker,
}

/// A worker to run for as long as it is wanted.
pub(super) struct Job {
    pub(super) scope: OrgScope,
    pub(super) wanted: watch::Receiver<bool>,
    pub(super) workers: Workers,
}

impl Hosts {
    pub(super) fn new(shared: Arc<Shared>, home: Handle) -> Self {
        Self { shared, home, running: TaskTracker::new() }
    }

    /// Has a thread do the job, unless they are stopping.
    pub(super) fn run(&self, job: Job) -> io::Result<()> {
        if self.running.is_closed() {
            return Err(io::Error::other("the workers are stopping"));
        }
        let (shared, home, running) = (Arc::clone(&self.shared), self.home.clone(), self.running.token());
        // What the system shows of a thread's name has room for 15 bytes; the end of an organization's id is random.
        let organization = job.scope.organization().uuid().simple().to_string();
        let name = format!("worker-{}", &organization[organization.len() - 8..]);
        let work = move || {
            home.block_on(LocalSet::new().run_until(supervisor::supervise(shared, job)));
            drop(running);
        };
        thread::Builder::new().name(name).spawn(work).map(drop)
    }

    /// Starts no more threads, and waits until every worker has stopped.
    pub(super) async fn stop(&self) {
        self.running.close();
        self.running.wait().await;
    }
}
