# What CI runs and what people run are the same lines.
# `make dev` and `make test` are all the set-up there is: both fetch what is missing.

CARGO_TARGET_DIR ?= target

# Which benchmarks `make bench` runs: make bench BENCH=storage
BENCH ?= storage lookup front_door instructions memory neighbours revocation provisioning executions density fairness
# How large they are, if not as their figures were taken: make bench BENCH=density SIZES='--organizations 50'
SIZES ?=

# What the sandbox's expressions are compiled to. rustup fetches it by itself, as rust-toolchain.toml says, unless it was told not to.
WASM = wasm32-unknown-unknown

.PHONY: toolchain dev test bench lint fmt doc deny openapi schemathesis reference record-histories

toolchain:
	@if command -v rustup >/dev/null && ! rustup target list --installed | grep -qx $(WASM); then rustup target add $(WASM); fi

dev: toolchain
	cargo run --bin tenantry -- dev

# Builds first, then runs all tests with one private PostgreSQL and one private Temporal (see crates/test-support).
test: toolchain
	cargo test --workspace --no-run
	$(CARGO_TARGET_DIR)/debug/with-servers cargo test --workspace --no-fail-fast

# Writes docs/api/openapi.json, which a test holds to what the server says of itself.
openapi: toolchain
	TENANTRY_WRITE_OPENAPI=1 cargo test -p tenantry-api --test it openapi::should_be_what_the_committed_copy_says

# Tries the real server with what Schemathesis makes of the document, as a manager and as a customer (see .ci/schemathesis/run.py).
schemathesis: toolchain
	@command -v python3 >/dev/null || { echo "make schemathesis needs python3, 3.10 or later, with its module venv" >&2; exit 1; }
	cargo test --workspace --no-run
	python3 .ci/schemathesis/run.py $(CARGO_TARGET_DIR) $(CARGO_TARGET_DIR)/debug/tenantry

# Writes the command's reference, docs/command.md, anew (see crates/cli/src/reference.rs).
reference: toolchain
	TENANTRY_RENEW_REFERENCE=1 cargo test -p tenantry-cli --bin tenantry reference::

# Writes the histories that replay tests lack (see crates/temporal/tests/it/record.rs).
record-histories: toolchain
	cargo test -p tenantry-temporal --no-run
	$(CARGO_TARGET_DIR)/debug/with-servers cargo test -p tenantry-temporal --test it record:: -- --ignored

# Each benchmark has a private PostgreSQL, with memory as in production, and a private Temporal to itself (see crates/bench).
bench: toolchain
	cargo build --release -p tenantry-bench -p tenantry-cli -p tenantry-test-support
	for bench in $(BENCH); do \
		$(CARGO_TARGET_DIR)/release/with-servers --shared-buffers 1GB $(CARGO_TARGET_DIR)/release/tenantry-bench $$bench $(SIZES) || exit 1; \
	done

lint: toolchain
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --workspace --no-deps --document-private-items

fmt:
	cargo fmt --all

doc: toolchain
	cargo doc --workspace --no-deps --open

# Licences, advisories and sources of every dependency; needs cargo-deny on PATH (cargo install cargo-deny).
deny:
	cargo deny check
