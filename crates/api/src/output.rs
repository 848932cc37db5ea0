//! The envelopes of answers: `{"data": …}`, and for lists a cursor beside it.

mod moment;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tenantry_domain::{Page, Version, Versioned};

pub(crate) use self::moment::Moment;

#[derive(Serialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Serialize)]
struct PageEnvelope<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

/// One thing.
pub(crate) struct Data<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        Json(Envelope { data: self.0 }).into_response()
    }
}

/// One thing that people edit, and what it is now (`ETag`, RFC 9110, section 8.8.3).
pub(crate) struct Tagged<T>(pub(crate) T, pub(crate) Version);

impl<T> Tagged<T> {
    pub(crate) fn of<V: Versioned + Into<T>>(thing: V) -> Self {
        let version = thing.version();
        Self(thing.into(), version)
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let Self(thing, version) = self;
        ([(header::ETAG, format!("\"{}\"", version.as_str()))], Data(thing)).into_response()
    }
}

/// One thing that did not exist before, and where it is now.
pub(crate) struct Created<T> {
    pub(crate) location: String,
    pub(crate) thing: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Data(self.thing)).into_response();
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// Part of a list. Its cursor is the last thing's id, which clients take as it is.
pub(crate) struct List<T>(pub(crate) Page<T>);

/// A thing that lists are made of.
pub(crate) trait Listed {
    /// What the next page comes after.
    fn cursor(&self) -> String;
}

impl<T: Serialize + Listed> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        let Page { items, more } = self.0;
        let next_cursor = items.last().filter(|_| more).map(Listed::cursor);
        Json(PageEnvelope { data: items, next_cursor }).into_response()
    }
}
