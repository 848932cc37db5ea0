//! The use cases, shared by REST and the command.
//!
//! A service is given what it works with through its constructor. Its methods take an [`OrgScope`] first, are one
//! transaction that says what happens, and record it in the audit log in the same transaction. What Temporal has to do follows the
//! transaction and is repeated by the [`Reconciler`] until it is done.
//!
//! [`OrgScope`]: tenantry_domain::OrgScope

pub mod admission;
pub mod api_keys;
pub mod audit;
pub mod authentication;
pub mod bootstrap;
pub mod executions;
pub mod idempotency;
pub mod organizations;
pub mod rate_limits;
pub mod schedules;
pub mod users;
pub mod workflows;

mod error;
mod heart;
mod housekeeping;
mod last_used;
mod probe;
mod provisioner;
mod reconciler;
mod shares;
mod sweep;

use std::sync::Arc;

use tenantry_domain::Clock;
use tenantry_dsl::expression::Evaluator;
use tenantry_storage::{PoolUse, Store};
use tenantry_temporal::{Dispatcher, Finding, Namespaces, Scheduler, Temporal, WorkerPool, egress};
use tokio::sync::Notify;

use crate::{housekeeping::Housekeeping, reconciler::Attendance, sweep::Sweep};

pub use error::Error;
pub use provisioner::Provisioner;
pub use reconciler::Reconciler;

/// Every service of one process.
#[derive(Clone)]
pub struct Services {
    /// Turns API keys into callers.
    pub authentication: authentication::Authentication,
    /// Lets callers in, from where their keys allow.
    pub admission: admission::Admission,
    /// Organizations.
    pub organizations: organizations::Organizations,
    /// Users.
    pub users: users::Users,
    /// API keys.
    pub api_keys: api_keys::ApiKeys,
    /// Workflow definitions.
    pub workflows: workflows::Workflows,
    /// Executions.
    pub executions: executions::Executions,
    /// Schedules.
    pub schedules: schedules::Schedules,
    /// The audit log.
    pub audit: audit::Audit,
    /// Requests that their senders repeat.
    pub idempotency: idempotency::Idempotency,
    store: Store,
    temporal: Temporal,
}

impl Services {
    /// The services on this database and this Temporal, and the reconciler that finishes what they begin. `evaluator` checks and evaluates
    /// the expressions of definitions.
    ///
    /// # Errors
    /// When the process cannot host workers: no threads, no TLS.
    pub fn new(
        store: Store,
        temporal: Temporal,
        egress: egress::Policy,
        evaluator: Arc<dyn Evaluator>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Reconciler), Error> {
        let wake = Arc::new(Notify::new());
        let limits = rate_limits::RateLimits::new();
        let journal = Arc::new(executions::Journal::new(store.clone(), limits.clone(), Arc::clone(&clock)));
        let workers = Arc::new(WorkerPool::start(temporal.clone(), journal, egress, Arc::clone(&evaluator))?);
        let dispatcher = Dispatcher::new(temporal.clone());
        let audit = audit::Audit::new(store.clone(), Arc::clone(&clock));
        let executions = executions::Executions::new(
            store.clone(),
            dispatcher,
            Arc::clone(&workers),
            audit.clone(),
            Arc::clone(&clock),
        );
        let schedules = schedules::Schedules::new(
            store.clone(),
            Scheduler::new(temporal.clone()),
            Arc::clone(&workers),
            Arc::clone(&clock),
        );
        let authentication =
            authentication::Authentication::new(store.clone(), limits.clone(), Arc::clone(&clock));
        let last_used = last_used::LastUsed::new(store.clone());
        let idempotency = idempotency::Idempotency::new(store.clone(), Arc::clone(&clock));
        let services = Self {
            admission: admission::Admission::new(
                authentication.clone(),
                limits.clone(),
                last_used.clone(),
                Arc::clone(&clock),
            ),
            authentication,
            organizations: organizations::Organizations::new(
                store.clone(),
                Arc::clone(&clock),
                Arc::clone(&wake),
            ),
            users: users::Users::new(store.clone(), audit.clone(), Arc::clone(&clock)),
            api_keys: api_keys::ApiKeys::new(store.clone(), audit.clone(), Arc::clone(&clock)),
            workflows: workflows::Workflows::new(store.clone(), evaluator, Arc::clone(&clock)),
            executions: executions.clone(),
            schedules: schedules.clone(),
            audit,
            idempotency: idempotency.clone(),
            store: store.clone(),
            temporal: temporal.clone(),
        };
        let namespaces = Namespaces::new(temporal);
        let reconciler = Reconciler::new(
            Provisioner::new(store.clone(), namespaces.clone(), Arc::clone(&clock)),
            Sweep::new(store.clone(), namespaces, executions.clone(), clock, Arc::clone(&wake)),
            Attendance::new(store.clone(), executions, schedules, workers),
            Housekeeping::new(store, limits, last_used, idempotency),
            wake,
        );
        Ok((services, reconciler))
    }

    /// How many connections to PostgreSQL there are.
    pub fn pools(&self) -> [PoolUse; 2] {
        self.store.pools()
    }

    /// What an operator should change about Temporal, so that it keeps organizations apart.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be known yet.
    pub async fn probe_temporal(&self) -> Result<Vec<Finding>, Error> {
        probe::probe(&self.store, &self.temporal).await
    }

    /// Which part cannot serve, if any: its name, as an operator knows it.
    pub async fn unready(&self) -> Option<&'static str> {
        let (store, temporal) = tokio::join!(self.store.check(), self.temporal.check());
        match (store, temporal) {
            (Err(_), _) => Some("postgresql"),
            (Ok(()), Err(_)) => Some("temporal"),
            (Ok(()), Ok(())) => None,
        }
    }
}
