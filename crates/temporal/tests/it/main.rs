//! The crate against a real Temporal.

mod connection;
mod dispatcher;
mod harness;
mod long;
mod namespaces;
mod probe;
mod record;
mod scheduler;
mod server;
mod worker;
