//! The benchmarks, by the names that `make bench BENCH=…` has for them.

pub(crate) mod density;
pub(crate) mod executions;
pub(crate) mod fairness;
pub(crate) mod front_door;
pub(crate) mod instructions;
pub(crate) mod lookup;
pub(crate) mod memory;
pub(crate) mod neighbours;
pub(crate) mod provisioning;
pub(crate) mod revocation;
pub(crate) mod storage;
