//! The crate against a real Temporal.

mod connection;
mod dispatcher;
mod harness;
mod namespaces;
mod probe;
mod scheduler;
mod server;
mod worker;
