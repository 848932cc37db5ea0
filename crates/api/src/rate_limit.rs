//! What is left of the caller's limits, as the `RateLimit` header fields (draft-ietf-httpapi-ratelimit-headers-10): the policy `key`
//! is the API key's own, `organization` that of all its keys together. `q` is how many requests a window of `w` seconds
//! may have, `r` how many this node would still take at once, `t` the seconds until it would take `q` again.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tenantry_services::rate_limits::{Limit, Spent, Standing};

use crate::short_text::ShortText;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Room for two items with numbers of 20 digits.
type Items = ShortText<160>;

/// Writes what is left into an answer's headers.
pub(crate) fn write(standing: &Standing, headers: &mut HeaderMap) {
    let (mut policy, mut limit) = (Items::new(), Items::new());
    for (name, spent) in [("\"key\"", standing.api_key), ("\"organization\"", standing.organization)] {
        let Some(Spent { limit: Limit { requests, per }, remaining, full_in }) = spent else { continue };
        push(&mut policy, name, (";q=", requests), (";w=", seconds(per)));
        push(&mut limit, name, (";r=", remaining), (";t=", seconds(full_in)));
    }
    for (name, items) in [(POLICY, policy), (LIMIT, limit)] {
        if let Ok(value) = HeaderValue::from_bytes(items.as_bytes()) {
            headers.insert(name, value);
        }
    }
}

/// Appends an item with two parameters to a list (RFC 9651).
fn push(items: &mut Items, name: &str, first: (&str, u32), second: (&str, u64)) {
    if !items.is_empty() {
        items.push(", ");
    }
    items.push(name);
    items.push(first.0);
    items.push(itoa::Buffer::new().format(first.1));
    items.push(second.0);
    items.push(itoa::Buffer::new().format(second.1));
}

/// Whole seconds, never too few.
pub(crate) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
