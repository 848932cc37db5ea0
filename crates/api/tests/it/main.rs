//! The REST API from outside: the real router on a real port, PostgreSQL and Temporal behind it.
//!
//! A file for each resource, as in `src/routes`, and then what holds for all of them: `server`, `edge`, `visits`, `metrics`,
//! `multi_tenant`, `namespaces`, `security`, `faults`.
//! Every answer is held to what the API's document says of it ([`contract`]).
//! To add an operation: a row in [`operations`], without which `multi_tenant` fails, and its own tests in its resource's file.

mod api_keys;
mod audit;
mod caller;
mod contract;
mod edge;
mod events;
mod executions;
mod faults;
mod health;
mod history;
mod hostile_json;
mod if_match;
mod indifference;
mod lifecycle;
mod log;
mod me;
mod metrics;
mod multi_tenant;
mod namespaces;
mod once;
mod openapi;
mod operations;
mod organizations;
mod own_types;
mod quotas;
mod rate_limits;
mod revisions;
mod revocation;
mod schedules;
mod scopes;
mod security;
mod server;
mod tasks;
mod tenant;
mod text;
mod users;
mod visits;
mod wire;
mod workflows;
