//! The `tenantry` command, run as its users run it.

mod answers;
mod apikey;
mod exits;
mod help;
mod org;
mod profiles;
mod run;
#[expect(dead_code, reason = "the client's tests use all of it")]
#[path = "../../../client/tests/it/stand_in.rs"]
mod stand_in;
mod tenantry;
mod workflow;
