//! Tenantry's rows in PostgreSQL.
//!
//! There are two doors. [`TenantTx`] is a transaction inside one organization: only an [`OrgScope`] opens it, and
//! PostgreSQL's row-level security shows it that organization's rows and no others. [`PlatformTx`] is for the few things that
//! cross organizations: authentication, provisioning, what admins list. Each has its own database role. The pools behind
//! them are private to this crate, so no query can be written that goes past both.
//!
//! To add a resource: a migration that calls `protect_tenant_table`, a module of functions that take `&mut TenantTx` first,
//! its table in [`erasure`], and its reads in `tests/it/plans.rs`.
//!
//! [`OrgScope`]: tenantry_domain::OrgScope

pub mod api_key_secrets;
pub mod api_keys;
pub mod audit;
pub mod drift;
pub mod erasure;
pub mod executions;
pub mod idempotency;
pub mod migrate;
pub mod nodes;
pub mod organizations;
pub mod quotas;
pub mod schedules;
pub mod secrets;
pub mod users;
pub mod workflows;

mod access;
mod doors;
mod error;
mod list;
mod platform;
mod pool;
mod rights;
mod row;
mod store;
mod tenant;

pub use access::{Access, Refusal};
pub use doors::{Doors, Transaction};
pub use error::{Conflict, Error};
pub use platform::PlatformTx;
pub use rights::{Moment, RightsWatch};
pub use store::{Options, PoolUse, Store};
pub use tenant::TenantTx;
