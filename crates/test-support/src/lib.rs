//! The test harness.
//!
//! [`App::start`] is a running Tenantry: the real router on a real port, a database of its own, the run's Temporal. It hands out
//! [`Tenant`]s, organizations with clients named by credential. Tests share one PostgreSQL and one Temporal, those of
//! `DATABASE_URL` and `TEMPORAL_ADDRESS` or private ones; see [`Servers`]. A [`Link`] to either can be cut, for tests of what
//! happens then, and counts the round trips to it. An [`OwnWorker`] does what an organization's own workers do. A
//! [`PrivatePostgres`] and a [`PrivateTemporal`] can be killed.

#![expect(clippy::expect_used, reason = "a harness that cannot do its work has nobody else to tell")]

mod app;
mod clock;
mod database;
mod link;
mod own_worker;
mod private_postgres;
mod private_temporal;
mod processes;
mod servers;

pub use app::{App, Setup, Tenant, eventually};
pub use clock::TestClock;
pub use database::Database;
pub use link::Link;
pub use own_worker::{Answer, OwnWorker, WorkflowTask};
pub use private_postgres::PrivatePostgres;
pub use private_temporal::{AS_IN_PRODUCTION, PrivateTemporal};
pub use processes::{Process, processes_in};
pub use servers::Servers;
