//! What is left of the caller's limits, as the `RateLimit` header fields (draft-ietf-httpapi-ratelimit-headers-10): the policy `key`
//! is the API key's own, `organization` that of all its keys together. `q` is how many requests a window of `w` seconds
//! may have, `r` how many this node would still take at once, `t` the seconds until it would take `q` again.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tenantry_services::rate_limits::{Limit, Spent, Standing};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Writes what is left into an answer's headers.
pub(crate) fn write(standing: &Standing, headers: &mut HeaderMap) {
    let (mut policy, mut limit) = (String::with_capacity(64), String::with_capacity(64));
    for (name, spent) in [("\"key\"", standing.api_key), ("\"organization\"", standing.organization)] {
        let Some(Spent { limit: Limit { requests, per }, remaining, full_in }) = spent else { continue };
        let comma = if policy.is_empty() { "" } else { ", " };
        item(&mut policy, [comma, name, ";q="], requests, ";w=", seconds(per));
        item(&mut limit, [comma, name, ";r="], remaining, ";t=", seconds(full_in));
    }
    for (name, value) in [(POLICY, policy), (LIMIT, limit)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

/// An item with two parameters.
fn item(list: &mut String, begin: [&str; 3], first: u32, then: &str, second: u64) {
    list.extend(begin);
    list.push_str(itoa::Buffer::new().format(first));
    list.push_str(then);
    list.push_str(itoa::Buffer::new().format(second));
}

/// Whole seconds, never too few.
pub(crate) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
