//! What the benchmarks share.
//!
//! `make bench` builds them for release and runs them with private servers; `make bench BENCH=storage` runs one. What they print is
//! for `docs/benchmarks.md`.
//!
//! Machines are shared and drift, so nothing here compares two durations that were measured at different times: the sides take turns in
//! many short [rounds](rounds::alternate), and what counts is the [median](Spread) of the rounds' ratios.
//!
//! To add a benchmark: a module of `src/benchmarks.rs` that begins with [`report::begin`] and ends with a [`report::Table`] and its
//! [aims](report::Aim), a line in `src/main.rs`, its name in the `Makefile`'s `BENCH`, and a section in `docs/benchmarks.md`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot do its work has nobody else to tell")]

pub mod app;
pub mod load;
pub mod log;
pub mod process;
pub mod report;
pub mod rounds;
pub mod seed;
pub mod service;
pub mod sizes;

pub use rounds::Spread;
