//! The ids of requests: in the answer, in the log, in the trace and in the audit log.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use siphasher::sip128::SipHasher24;
use tenantry_domain::Secret;
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, for whoever has to name it.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text, for whoever keeps it.
    pub(crate) fn text(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Says it in an answer.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        // It may stand in a header: it came in one, or is a UUID.
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            headers.insert(REQUEST_ID, value);
        }
    }

    /// The id that the client gave, if it is one that may stand in a log. The secret of a key may not, whoever mistakes it for an id.
    fn given(headers: &HeaderMap) -> Option<Self> {
        let given = headers.get(REQUEST_ID)?.to_str().ok()?;
        let fit = (1..=128).contains(&given.len())
            && given.bytes().all(|byte| byte.is_ascii_graphic())
            && Secret::parse(given).is_err();
        fit.then(|| Self(given.into()))
    }
}

/// Makes ids. Each is a UUID (RFC 9562, version 8) of a count's hash under a key that this process has drawn: unlike any other, made without asking
/// the system for randomness each time, and telling nobody how many requests there were.
pub(crate) struct RequestIds {
    hasher: SipHasher24,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        Self { hasher: SipHasher24::new_with_keys(high, low), next: AtomicU64::new(0) }
    }

    /// The id that the client gave, or a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> RequestId {
        RequestId::given(headers).unwrap_or_else(|| self.make())
    }

    fn make(&self) -> RequestId {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let bytes = self.hasher.hash(&count.to_ne_bytes()).as_bytes();
        let mut text = [0; 36];
        let text = Uuid::new_v8(bytes).hyphenated().encode_lower(&mut text);
        RequestId((&*text).into())
    }
}
