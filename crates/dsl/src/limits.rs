//! How large a document and what it computes may be. A hostile document meets these before it costs anything.

use serde_json::Value;

use crate::json;

/// The length of a document's text, in bytes (256 KiB).
pub const DOCUMENT_BYTES: usize = 256 * 1024;

/// How deep values may be nested in a document.
pub const DOCUMENT_DEPTH: usize = 64;

/// How many values a document may have, counted after its YAML aliases are replaced by what they stand for.
pub const DOCUMENT_NODES: usize = 50_000;

/// How many tasks a document may have, on all levels together.
pub const TASKS: usize = 1_000;

/// How many runtime expressions a document may have.
pub const EXPRESSIONS: usize = 2_000;

/// The length of one runtime expression, in bytes (16 KiB).
pub const EXPRESSION_BYTES: usize = 16 * 1024;

/// How deep a runtime expression may be nested. An operator counts as a level, since each leaves its operands one deeper.
pub const EXPRESSION_DEPTH: usize = 200;

/// What one evaluation of an expression may cost, in units of fuel: about 10 ms of one core.
pub const EXPRESSION_FUEL: u64 = 100_000_000;

/// What it may cost beside that for each byte of its text and its data; to read them takes up to 200.
pub const FUEL_PER_BYTE: u64 = 1_000;

/// What it may cost to find out whether the expressions of a document compile, in units of fuel.
pub const DOCUMENT_FUEL: u64 = 2_000_000_000;

/// How many problems of one document are reported.
pub const PROBLEMS: usize = 100;

/// How deep values may be nested while a workflow runs. JSON readers commonly stop at 128.
pub const VALUE_DEPTH: usize = 100;

/// The length of one value while a workflow runs, in bytes of JSON (2 MiB, Temporal's limit for a payload).
pub const VALUE_BYTES: usize = 2 * 1024 * 1024;

/// How many tasks one call of [`advance`](crate::interpreter::Interpreter::advance) enters before it pauses.
pub const PORTION_TASKS: usize = 1_000;

/// How much one call of [`advance`](crate::interpreter::Interpreter::advance) computes before it pauses, in bytes of JSON (64 MiB).
pub const PORTION_BYTES: usize = 64 * 1024 * 1024;

/// What the expressions of one call of [`advance`](crate::interpreter::Interpreter::advance) cost together before it pauses, in units of
/// fuel: about 0.2 s of one core.
pub const PORTION_FUEL: u64 = 2_000_000_000;

/// How many tasks may follow each other without one that waits.
pub const UNWAITED_TASKS: usize = 100_000;

/// How much they may compute together, in bytes of JSON (1 GiB).
pub const UNWAITED_BYTES: usize = 1024 * 1024 * 1024;

/// What their expressions may cost together, in units of fuel: about 3 s of one core.
pub const UNWAITED_FUEL: u64 = 30_000_000_000;

/// How much one task may compute, in bytes of JSON (256 MiB).
pub const STEP_BYTES: usize = 256 * 1024 * 1024;

/// How many tasks of an execution are remembered for people who look; the latest.
pub const TASK_STATES: usize = 1_000;

/// The length of all that is remembered of them, in bytes of JSON (288 KiB).
pub const TASK_STATE_BYTES: usize = 288 * 1024;

/// The length of one text that is remembered of a task, in bytes (1 KiB).
pub const TASK_TEXT_BYTES: usize = 1024;

/// What the expressions of one task may cost together, in units of fuel: about 0.3 s of one core.
pub const STEP_FUEL: u64 = 3_000_000_000;

/// The longest wait, in seconds (ten years of 365 days).
pub const WAIT_SECONDS: u64 = 10 * 365 * 24 * 60 * 60;

/// The length of a value in bytes, about as long as it is in JSON.
///
/// # Errors
/// Says which of [`VALUE_DEPTH`] and [`VALUE_BYTES`] it is beyond, or that it has a member of a name that nothing can have ([`json`]).
pub fn check(value: &Value) -> Result<usize, String> {
    let mut bytes = 0;
    let mut rest = vec![(value, 0)];
    while let Some((value, depth)) = rest.pop() {
        if depth > VALUE_DEPTH {
            return Err(format!("the value is nested deeper than {VALUE_DEPTH}"));
        }
        bytes += match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 5,
            Value::String(text) => text.len() + 3,
            Value::Array(items) => {
                rest.extend(items.iter().map(|item| (item, depth + 1)));
                2
            }
            Value::Object(properties) => {
                if properties.keys().any(|name| json::is_reserved(name)) {
                    return Err(json::refusal());
                }
                rest.extend(properties.values().map(|value| (value, depth + 1)));
                2 + properties.keys().map(|key| key.len() + 3).sum::<usize>()
            }
        };
        if bytes > VALUE_BYTES {
            return Err(format!("the value has more than {VALUE_BYTES} bytes"));
        }
    }
    Ok(bytes)
}
