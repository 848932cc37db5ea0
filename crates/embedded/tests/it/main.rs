//! Tests against the real servers. They fetch PostgreSQL, and Temporal unless it is on `PATH`, into the user's cache.

#![expect(clippy::unwrap_used, reason = "what a test sets up may end it")]

mod crash;
mod home;
mod postgres;
mod support;
mod temporal;
mod temporal_search;
