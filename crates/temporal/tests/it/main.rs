//! The crate against a real Temporal.

mod connection;
mod dispatcher;
mod harness;
mod namespaces;
mod server;
mod worker;
