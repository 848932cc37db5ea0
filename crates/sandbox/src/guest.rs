//! The guest: jq in WebAssembly, compiled when this crate was built.

use std::{num::NonZero, thread};

use tenantry_dsl::{expression::Error, limits};
use wasmtime::{
    Engine, Instance, InstanceAllocationStrategy, InstancePre, Linker, Memory, Module,
    PoolingAllocationConfig, ResourceLimiter, Result, Store, Trap, format_err,
};

use crate::{
    engine,
    turns::{Turn, Turns},
};

/// How much memory one expression may have, with its data and what it makes of them, in bytes (128 MiB).
pub const MEMORY_BYTES: usize = 128 * 1024 * 1024;

/// How many expressions are evaluated at the same time, at most. More wait, which they can: none takes long.
const AT_ONCE: u32 = 8;

/// How much memory an instance's place keeps for the next one, in bytes (2 MiB): what most expressions use. To wipe it costs less than to
/// give it back.
const KEPT_BYTES: usize = 2 * 1024 * 1024;

static COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest.cwasm"));

/// The program that every instance runs.
pub(crate) struct Guest {
    template: InstancePre<Bounds>,
    turns: Turns,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").finish_non_exhaustive()
    }
}

impl Guest {
    pub(crate) fn new() -> Result<Self> {
        let at_once = at_once();
        let engine = Engine::new(engine::config().allocation_strategy(places(at_once)))?;
        let module = load(&engine)?;
        Ok(Self { template: Linker::new(&engine).instantiate_pre(&module)?, turns: Turns::new(at_once) })
    }

    /// Has a request evaluated, for no more than `fuel`, and takes from that what it cost.
    pub(crate) fn evaluate(&self, request: &[u8], fuel: &mut u64) -> Result<Vec<u8>, Error> {
        self.answer("evaluate", request, fuel)
    }

    /// Has a request checked, for no more than `fuel`, and takes from that what it cost.
    pub(crate) fn check(&self, request: &[u8], fuel: &mut u64) -> Result<Vec<u8>, Error> {
        self.answer("check", request, fuel)
    }

    fn answer(&self, what: &str, request: &[u8], fuel: &mut u64) -> Result<Vec<u8>, Error> {
        let bytes = u64::try_from(request.len()).unwrap_or(u64::MAX);
        let granted = limits::FUEL_PER_BYTE.saturating_mul(bytes).saturating_add(limits::EXPRESSION_FUEL);
        let granted = granted.min(*fuel);
        let mut call = Call::new(&self.template, self.turns.take(), granted).unwrap_or_else(|error| {
            // It is the machine that fails here, not the expression: nothing may be recorded of it.
            panic!("no room for the sandbox of an expression: {error:?}")
        });
        let answer = call.answer(what, request);
        *fuel -= granted - call.store.get_fuel().unwrap_or(0);
        answer.map_err(|error| call.why(&error))
    }
}

/// As many at the same time as leave a processor to everything else.
fn at_once() -> u32 {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    u32::try_from(processors).unwrap_or(AT_ONCE).saturating_sub(1).clamp(1, AT_ONCE)
}

/// Where instances live. A place is wiped before the next instance begins in it.
fn places(at_once: u32) -> InstanceAllocationStrategy {
    let mut places = PoolingAllocationConfig::new();
    places
        .total_core_instances(at_once)
        .total_memories(at_once)
        .total_tables(at_once)
        .max_memory_size(MEMORY_BYTES)
        .max_unused_warm_slots(at_once)
        .linear_memory_keep_resident(KEPT_BYTES)
        .table_keep_resident(KEPT_BYTES);
    places.into()
}

#[expect(unsafe_code, reason = "compiled code is trusted, and this is our own")]
fn load(engine: &Engine) -> Result<Module> {
    // SAFETY: the bytes are what `Engine::precompile_module` gave to this crate's build script, embedded into the program and so as
    // trustworthy as the rest of it. That they are of this version of wasmtime and of this configuration is checked.
    unsafe { Module::deserialize(engine, COMPILED) }
}

/// One instance, for one request.
struct Call<'t> {
    store: Store<Bounds>,
    instance: Instance,
    memory: Memory,
    /// Ends after the store has given its place back.
    _turn: Turn<'t>,
}

impl<'t> Call<'t> {
    fn new(template: &InstancePre<Bounds>, turn: Turn<'t>, fuel: u64) -> Result<Self> {
        let mut store = Store::new(template.module().engine(), Bounds::default());
        store.set_fuel(fuel)?;
        store.limiter(|bounds| bounds);
        let instance = template.instantiate(&mut store)?;
        let memory = instance.get_memory(&mut store, "memory").ok_or_else(|| format_err!("no memory"))?;
        Ok(Self { store, instance, memory, _turn: turn })
    }

    fn answer(&mut self, what: &str, request: &[u8]) -> Result<Vec<u8>> {
        let length = u32::try_from(request.len())?;
        let room = self.instance.get_typed_func::<u32, u32>(&mut self.store, "request")?;
        let at = room.call(&mut self.store, length)?;
        self.memory.write(&mut self.store, at as usize, request)?;
        let length = self.number(what)? as usize;
        let at = self.number("response")? as usize;
        let response = self.memory.data(&self.store).get(at..).and_then(|rest| rest.get(..length));
        response.map(<[u8]>::to_vec).ok_or_else(|| format_err!("no response"))
    }

    fn number(&mut self, name: &str) -> Result<u32> {
        self.instance.get_typed_func::<(), u32>(&mut self.store, name)?.call(&mut self.store, ())
    }

    /// Which bound the guest met.
    fn why(&mut self, error: &wasmtime::Error) -> Error {
        let trap = error.downcast_ref::<Trap>();
        if trap == Some(&Trap::OutOfFuel) {
            return Error::new("the expression took too many steps");
        }
        if self.store.data().is_exhausted || self.number("is_exhausted").is_ok_and(|answer| answer != 0) {
            return Error::new("the expression needs more than 128 MiB of memory");
        }
        // Half of the guest's stack is the thread's; the other half lies at the beginning of its memory, and grows downwards out of it.
        if matches!(trap, Some(Trap::StackOverflow | Trap::MemoryOutOfBounds)) {
            return Error::new("the expression calls itself too deeply");
        }
        tracing::error!(?error, "the evaluator of expressions failed");
        crate::values::malformed()
    }
}

/// Refuses the guest more memory than it may have, and remembers it.
#[derive(Default)]
struct Bounds {
    is_exhausted: bool,
}

impl ResourceLimiter for Bounds {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.is_exhausted = desired > MEMORY_BYTES;
        Ok(!self.is_exhausted)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        Ok(true)
    }
}
