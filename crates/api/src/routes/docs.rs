//! `/api/v0/openapi.json`, and `/docs`: the API's description of itself, for programs and for people. Each is made once, and cannot change
//! while the server runs.

use std::{io::Write as _, marker::PhantomData, sync::LazyLock};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    edge::AsShortAsItGets,
    openapi::{self, Describe, Operation, Routes, about, reference},
};

/// Clients may keep it, and ask each time whether it is still so.
const KEPT: HeaderValue = HeaderValue::from_static("no-cache");

/// The page needs its own stylesheet, and nothing else; what is no page needs nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

pub(super) fn routes() -> Routes {
    Routes::of("Documentation", "What the API says of itself.")
        .get(v0!("/openapi.json"), document, about("get_openapi", "Tell all of this, as OpenAPI 3.1"))
        .get("/docs", page, about("get_reference", "Tell all of this, as a page for people"))
        .get("/docs/style.css", style, about("get_reference_style", "Tell how that page looks"))
}

/// Something that is the same for everybody, ready to be sent: whoever asks for it costs nothing, be it as short as they take it.
struct Fixed {
    tag: HeaderValue,
    body: Bytes,
    gzip: Bytes,
}

impl Fixed {
    fn new(text: String) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        let tag = digest[..16].iter().fold(String::new(), |tag, byte| format!("{tag}{byte:02x}"));
        let tag = HeaderValue::try_from(format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        let gzip = gzip(text.as_bytes()).into();
        Self { tag, body: text.into(), gzip }
    }

    /// All of it, unless whoever asks has it already (RFC 9110, section 13.1.2).
    fn answer(&self, asked: &HeaderMap, content_type: &'static str) -> Response {
        let headers = [
            (header::ETAG, self.tag.clone()),
            (header::CACHE_CONTROL, KEPT),
            (header::CONTENT_SECURITY_POLICY, POLICY),
        ];
        let known = asked.get_all(header::IF_NONE_MATCH).iter().any(|tags| self.is_among(tags));
        if known {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let content_type = [
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ];
        let mut answer = if takes_gzip(asked) {
            let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            (headers, content_type, encoding, self.gzip.clone()).into_response()
        } else {
            (headers, content_type, self.body.clone()).into_response()
        };
        answer.extensions_mut().insert(AsShortAsItGets);
        answer
    }

    fn is_among(&self, tags: &HeaderValue) -> bool {
        let mut tags = tags.to_str().unwrap_or_default().split(',').map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag)
    }
}

/// The same text in fewer bytes (RFC 1952); none at all, if that fails.
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text).and_then(|()| gzip.finish()).unwrap_or_default()
}

/// Whether gzip is among the encodings that are taken (RFC 9110, section 12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    let named = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut named = named.flat_map(|value| value.split(',')).map(|coding| coding.replace(' ', ""));
    named.any(|coding| {
        let (name, weight) = coding.split_once(";q=").unwrap_or((&coding, "1"));
        name.eq_ignore_ascii_case("gzip") && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

/// An answer of this type.
struct Whole<T>(Response, PhantomData<T>);

/// What is answered whole.
trait Content {
    const TYPE: &'static str;
    const WHAT: &'static str;

    fn schema() -> Value;
}

struct Json;
struct Html;
struct Css;

async fn document(headers: HeaderMap) -> Whole<Json> {
    static DOCUMENT: LazyLock<Fixed> = LazyLock::new(|| Fixed::new(openapi::document().to_string()));
    Whole::of(&DOCUMENT, &headers)
}

async fn page(headers: HeaderMap) -> Whole<Html> {
    static PAGE: LazyLock<Fixed> = LazyLock::new(|| Fixed::new(reference::page(openapi::document())));
    Whole::of(&PAGE, &headers)
}

async fn style(headers: HeaderMap) -> Whole<Css> {
    static STYLE: LazyLock<Fixed> = LazyLock::new(|| Fixed::new(reference::STYLE.to_owned()));
    Whole::of(&STYLE, &headers)
}

impl Content for Json {
    const TYPE: &'static str = "application/json";
    const WHAT: &'static str = "The document.";

    fn schema() -> Value {
        json!({"type": "object", "required": ["openapi", "info", "paths", "components"]})
    }
}

impl Content for Html {
    const TYPE: &'static str = "text/html; charset=utf-8";
    const WHAT: &'static str = "The page.";

    fn schema() -> Value {
        json!({"type": "string"})
    }
}

impl Content for Css {
    const TYPE: &'static str = "text/css; charset=utf-8";
    const WHAT: &'static str = "The stylesheet.";

    fn schema() -> Value {
        json!({"type": "string"})
    }
}

impl<T: Content> Whole<T> {
    fn of(fixed: &Fixed, asked: &HeaderMap) -> Self {
        Self(fixed.answer(asked, T::TYPE), PhantomData)
    }
}

impl<T> IntoResponse for Whole<T> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<T: Content> Describe for Whole<T> {
    fn describe(operation: &mut Operation) {
        let content = json!({T::TYPE: {"schema": T::schema()}});
        operation.answers(200, T::WHAT, &["ETag"], Some(content));
        operation.minds_if_none_match();
        operation.answers(304, "It is as If-None-Match says.", &["ETag"], None);
    }
}
