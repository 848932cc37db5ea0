//! What a definition is compared with: a workflow as people write it who use Temporal's Rust SDK and nothing else. It makes two calls.
//!
//! Its worker is set up like a hosted one: as many pollers and slots, as many workflows kept.

use std::{sync::Arc, thread, time::Duration};

use reqwest::redirect;
use serde_json::Value;
use temporalio_client::Client;
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::{
    ActivityOptions, ApplicationFailure, Runtime, Worker, WorkerOptions, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError, activities},
    runtime::{
        PollerBehavior, RuntimeOptions,
        worker_tuner::{FixedSizeSlotSupplier, TunerHolder},
    },
    workflows::{workflow, workflow_methods},
};
use tokio::runtime;

/// The task queue of its worker.
pub(crate) const TASK_QUEUE: &str = "plain";
const CALL_LIMIT: Duration = Duration::from_mins(1);

/// The workflow.
#[workflow]
#[derive(Default)]
pub(crate) struct Plain;

#[workflow_methods]
impl Plain {
    /// Makes the calls one after the other; the last answer is its output.
    #[run(name = "plain")]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, url: String) -> WorkflowResult<Value> {
        let options = || ActivityOptions::with_start_to_close_timeout(CALL_LIMIT).build();
        ctx.execute_activity(Activities::call, url.clone(), options()).await?;
        Ok(ctx.execute_activity(Activities::call, url, options()).await?)
    }
}

/// Its activities, with a client that is set up like the one of hosted workers.
struct Activities(reqwest::Client);

#[activities]
impl Activities {
    #[activity(name = "call")]
    async fn call(self: Arc<Self>, _context: ActivityContext, url: String) -> Result<Value, ActivityError> {
        let answer = async { self.0.get(url).send().await?.json().await };
        answer.await.map_err(|error: reqwest::Error| {
            ActivityError::application(ApplicationFailure::new(error.to_string()))
        })
    }
}

/// Starts its worker, which ends with the process.
pub(crate) fn start_worker(client: Client) {
    let http = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .pool_max_idle_per_host(4)
        .tls_certs_only([])
        .build()
        .expect("a client");
    let options = RuntimeOptions::builder().heartbeat_interval(None).build().expect("options");
    let sdk = Runtime::from_current_tokio(options).expect("the SDK's runtime");
    let home = runtime::Handle::current();
    let work = move || {
        let own = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let local = tokio::task::LocalSet::new();
        local.block_on(&own, async {
            let mut worker = {
                let _home = home.enter();
                Worker::new(&sdk, client, options_of(http)).expect("a worker")
            };
            worker.run().await.expect("the worker runs");
        });
    };
    thread::Builder::new().name("plain".to_owned()).spawn(work).expect("a thread");
}

fn options_of(http: reqwest::Client) -> WorkerOptions {
    WorkerOptions::new(TASK_QUEUE)
        .deployment_options(WorkerDeploymentOptions::from_build_id("bench".to_owned()))
        .max_cached_workflows(100_usize)
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(2))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(1))
        .tuner(
            TunerHolder::builder()
                .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(20))
                .activity_task_slot_supplier(FixedSizeSlotSupplier::new(50))
                .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(1))
                .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
                .build(),
        )
        .register_workflow::<Plain>()
        .expect("the workflow")
        .register_activities(Activities(http))
        .build()
}
