//! Runs one benchmark, which its argument names: one program for all, because each has the whole server in it.

#![expect(clippy::expect_used, reason = "a benchmark that cannot do its work has nobody else to tell")]

mod benchmarks;

use std::process::ExitCode;

use tenantry_bench::load;

const BENCHMARKS: &[(&str, fn())] = &[
    ("density", benchmarks::density::run),
    ("executions", benchmarks::executions::run),
    ("fairness", benchmarks::fairness::run),
    ("front_door", benchmarks::front_door::run),
    ("instructions", benchmarks::instructions::run),
    ("lookup", benchmarks::lookup::run),
    ("memory", benchmarks::memory::run),
    ("neighbours", benchmarks::neighbours::run),
    ("provisioning", benchmarks::provisioning::run),
    ("revocation", benchmarks::revocation::run),
    ("storage", benchmarks::storage::run),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    if name == load::ARGUMENT {
        load::obey();
        return ExitCode::SUCCESS;
    }
    let Some((_, run)) = BENCHMARKS.iter().find(|(known, _)| *known == name) else {
        let names: Vec<_> = BENCHMARKS.iter().map(|(name, _)| *name).collect();
        eprintln!("name a benchmark: {}", names.join(", "));
        return ExitCode::from(2);
    };
    run();
    ExitCode::SUCCESS
}
