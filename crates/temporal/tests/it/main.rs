//! The crate against a real Temporal.

mod connection;
mod dispatcher;
mod harness;
mod namespaces;
mod probe;
mod server;
mod worker;
