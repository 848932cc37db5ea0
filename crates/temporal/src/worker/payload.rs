//! How large one value may be on its way through Temporal.

use serde::Serialize;

/// Temporal refuses payloads of 2 MiB; this leaves room for what is sent around one.
const LIMIT: usize = 2 * 1024 * 1024 - 16 * 1024;

/// Whether Temporal can hold the value. What it cannot hold must become an error before it is sent, or the same step
/// fails for ever.
pub(super) fn fits(value: &impl Serialize) -> bool {
    serde_json::to_vec(value).is_ok_and(|bytes| bytes.len() <= LIMIT)
}
