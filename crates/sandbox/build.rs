//! Builds what runs in the sandbox: compiles the guest to WebAssembly, prepares it, and compiles the result to machine code.
//!
//! Everything is kept in one folder of the target directory, for all profiles and commands, so that it is done once.

#[path = "src/engine.rs"]
mod engine;

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    pin::pin,
    process::Command,
    task::{Context, Poll, Waker},
};

use wasmtime::{Engine, Instance, Module, OptLevel, Result, Store, Val, error::Context as _, format_err};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

const WASM: &str = "wasm32-unknown-unknown";

fn main() -> Result<()> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    // <target>/<profile>/build/<package>/out
    let target = out
        .ancestors()
        .nth(4)
        .ok_or_else(|| format_err!("{} is not in a target directory", out.display()))?;
    let folder = target.join("sandbox-guest");
    let wasm = build(&folder)?;
    fs::write(out.join("guest.cwasm"), compiled(&folder, &wasm)?)?;
    Ok(())
}

/// The guest as WebAssembly, built with the versions that the workspace has locked.
fn build(folder: &Path) -> Result<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for source in ["Cargo.toml", "Cargo.lock", "crates/sandbox-guest", "crates/sandbox-wire"] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/engine.rs");
    let mut command = Command::new(variable("CARGO")?);
    // What this build was told does not hold for that one: its flags, its linter.
    let theirs = |name: &str| name.starts_with("CARGO_") || name.starts_with("RUSTC_");
    let ours = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_PROXY"];
    for (name, _) in env::vars().filter(|(name, _)| theirs(name) && !ours.contains(&name.as_str())) {
        command.env_remove(name);
    }
    command
        .current_dir(&root)
        .env("CARGO_ENCODED_RUSTFLAGS", "")
        .args(["rustc", "--locked", "--package", "tenantry-sandbox-guest", "--lib", "--crate-type", "cdylib"])
        .args(["--profile", "guest", "--target", WASM, "--target-dir"])
        .arg(folder);
    let status = command.status().context("cargo does not start")?;
    if !status.success() {
        return Err(format_err!("the guest does not build; is `rustup target add {WASM}` done?"));
    }
    let wasm = folder.join(WASM).join("guest/tenantry_sandbox_guest.wasm");
    fs::read(&wasm).with_context(|| wasm.display().to_string())
}

/// The prepared guest in the machine code of the build's target, of any processor that it stands for.
fn compiled(folder: &Path, wasm: &[u8]) -> Result<Vec<u8>> {
    let mut config = engine::config();
    config.target(&variable("TARGET")?)?.cranelift_nan_canonicalization(true);
    let engine = Engine::new(&config)?;
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    wasm.hash(&mut hasher);
    let path = folder.join(format!("{:016x}.cwasm", hasher.finish()));
    if let Ok(compiled) = fs::read(&path) {
        return Ok(compiled);
    }
    let compiled = engine.precompile_module(&prepared(wasm)?)?;
    // Another build may do the same at this moment.
    let unfinished = path.with_extension(std::process::id().to_string());
    fs::write(&unfinished, &compiled)?;
    fs::rename(&unfinished, &path)?;
    Ok(compiled)
}

/// The guest with its memory as `prepare` leaves it.
fn prepared(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    wizer.init_func("prepare");
    let (context, instrumented) = wizer.instrument(wasm)?;
    let mut config = wasmtime::Config::new();
    let engine = Engine::new(config.cranelift_opt_level(OptLevel::None))?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &Module::new(&engine, instrumented)?, &[])?;
    instance.get_typed_func::<(), ()>(&mut store, "prepare")?.call(&mut store, ())?;
    let mut state = Prepared { store, instance };
    let snapshot = pin!(wizer.snapshot(&context, &mut state));
    match snapshot.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(snapshot) => snapshot,
        Poll::Pending => Err(format_err!("nothing here ever waits")),
    }
}

struct Prepared {
    store: Store<()>,
    instance: Instance,
}

impl InstanceState for Prepared {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut self.store, name).expect("it is exported");
        match global.get(&mut self.store) {
            Val::I32(value) => SnapshotVal::I32(value),
            Val::I64(value) => SnapshotVal::I64(value),
            other => panic!("the guest has no global like {other:?}"),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let memory = self.instance.get_memory(&mut self.store, name).expect("it is exported");
        contents(memory.data(&self.store));
    }
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("{name} is not set"))
}
