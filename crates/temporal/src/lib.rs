//! The joint with Temporal: the only crate that knows it.
//!
//! - [`connection`]: the one connection of the process, [`Temporal`].
//! - [`namespaces`]: an organization's own namespace, made, looked at, repaired, erased.
//! - [`probe`]: whether a Temporal server keeps namespaces apart.
//! - [`dispatcher`]: executions handed to Temporal, once each, and all that is done to them there.
//! - [`scheduler`]: schedules, brought to what is stored of them.
//! - [`worker`]: the hosted workers that run definitions, one for each namespace with work.
//! - [`egress`]: which addresses a definition may call.
//!
//! # Architecture Invariant
//!
//! No public function takes a namespace as text. Whoever reaches a namespace holds the [`OrgScope`] of the organization
//! that owns it, and clients are made from that scope alone.
//!
//! To add an operation on executions: a method on [`Dispatcher`] that takes the scope first and names the execution by its
//! id, and a line in [`Error`] only if the caller acts differently on a new way to fail.
//!
//! [`OrgScope`]: tenantry_domain::OrgScope

pub mod connection;
pub mod dispatcher;
pub mod egress;
mod error;
pub mod namespaces;
pub mod probe;
pub mod scheduler;
mod search_attributes;
mod suspects;
pub mod worker;

pub use connection::Temporal;
pub use dispatcher::{Dispatcher, Program, Seen, Signal, StartExecution};
pub use error::Error;
pub use namespaces::{Drift, Namespaces};
pub use probe::{Finding, Probe};
pub use scheduler::Scheduler;
pub use worker::{Ending, ExecutionJournal, Recording, ScheduledRun, ScheduledStart, WorkerPool};
