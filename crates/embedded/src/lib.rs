//! A private PostgreSQL and a private Temporal development server, for `tenantry dev` and for tests.
//!
//! Both are the real programs. What is downloaded or built stays in the user's [cache folder](cache_folder); everything
//! else lives in a [`Home`], one folder that a single process uses at a time. Nothing else on the machine is written.
//!
//! A server never outlives the process that started it, however that process ends: each runs under a small shell, the
//! guard, which stops it when a pipe from this process closes. See `guard.rs`, and `server_log.rs` for how a start waits
//! for what a killed process has left behind.
//!
//! To add a server: a module with `Options` and a `Server` that fetches its program, starts it through `daemon.rs` and
//! waits until it answers.

mod account;
mod cache;
mod daemon;
mod error;
mod guard;
mod home;
mod port;
pub mod postgres;
mod progress;
mod server_log;
pub mod temporal;

pub use cache::cache_folder;
pub use error::Error;
pub use home::Home;
pub use progress::{Progress, Silent};
