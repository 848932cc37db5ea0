//! How the guest is compiled and run; the build script and the sandbox must agree on it.

use wasmtime::Config;

/// How much of a thread's stack an expression may use, in bytes. Threads have 2 MiB, and something of theirs is on it already.
const STACK_BYTES: usize = 1024 * 1024;

/// What holds wherever the guest is compiled or run.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .max_wasm_stack(STACK_BYTES)
        // Nobody reads a backtrace of the guest.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        .native_unwind_info(false);
    config
}
