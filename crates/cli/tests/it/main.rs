//! The `tenantry` command, run as its users run it.

mod answers;
mod apikey;
mod by_hand;
mod completions;
mod definitions;
mod dev;
mod docs;
mod examples;
mod exits;
mod files;
mod first_minutes;
mod help;
mod kills;
mod member;
mod org;
mod platform;
mod profiles;
mod rest;
mod run;
mod running;
mod schedule;
mod serve;
#[expect(dead_code, reason = "the client's tests use all of it")]
#[path = "../../../client/tests/it/stand_in.rs"]
mod stand_in;
mod tenantry;
mod tenants;
mod terminal;
mod traces;
mod watch;
mod workflow;
