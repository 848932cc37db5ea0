//! `If-Match`: a change is made to what its sender has seen, and to nothing else (RFC 9110, section 13.1.1).

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use tenantry_domain::{Precondition, Version};

use crate::openapi::{Describe, Operation};

/// What the sender expects.
pub(crate) struct IfMatch(pub(crate) Precondition);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    /// What is no entity tag is one of nothing: as the sender expects something, nothing is changed.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut versions = Vec::new();
        for value in parts.headers.get_all(header::IF_MATCH) {
            let value = value.to_str().unwrap_or_default().trim();
            if value == "*" {
                return Ok(Self(Precondition::Exists));
            }
            // None of our tags has a comma in it.
            versions
                .extend(value.split(',').map(|tag| Version::named(strong(tag.trim()).unwrap_or_default())));
        }
        let named = parts.headers.contains_key(header::IF_MATCH);
        Ok(Self(if named { Precondition::OneOf(versions) } else { Precondition::None }))
    }
}

impl Describe for IfMatch {
    fn describe(operation: &mut Operation) {
        operation.minds_if_match();
    }
}

/// The opaque part of a strong tag; `If-Match` takes no weak ones.
fn strong(tag: &str) -> Option<&str> {
    tag.strip_prefix('"')?.strip_suffix('"')
}
