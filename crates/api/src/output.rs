//! The envelopes of answers: `{"data": …}`, and for lists a cursor beside it.

mod moment;
mod shown;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use tenantry_domain::{Page, Version, Versioned};
use utoipa::ToSchema;

pub(crate) use self::{
    moment::Moment,
    shown::{Shown, Viewed},
};
use crate::{
    openapi::{Describe, Operation},
    problem::Problem,
};

#[derive(Serialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Serialize)]
struct PageEnvelope<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

/// Room for most answers: what is longer is copied as it grows.
const USUAL_LENGTH: usize = 2048;

/// An answer in JSON.
fn written(answer: &impl Serialize) -> Response {
    let mut text = Vec::with_capacity(USUAL_LENGTH);
    match serde_json::to_writer(&mut text, answer) {
        Ok(()) => {
            ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
        }
        Err(error) => Problem::internal(&format!("an answer is no JSON: {error}")).into_response(),
    }
}

/// One thing.
pub(crate) struct Data<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        written(&Envelope { data: self.0 })
    }
}

impl<T: ToSchema> Describe for Data<T> {
    fn describe(operation: &mut Operation) {
        operation.answers_with::<T>(200, "It was done.", &[]);
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

impl<T: ToSchema> Describe for Tagged<T> {
    fn describe(operation: &mut Operation) {
        operation.answers_with::<T>(200, "As it is now.", &["ETag"]);
    }
}

/// A thing that paths name.
pub(crate) trait Located {
    /// The parameter of paths that names it.
    const PARAMETER: &'static str;
    /// Where an answer says its name, as a JSON Pointer.
    const PLACE: &'static str = "/data/id";

    /// Where it is.
    fn location(&self) -> String;
}

/// One thing that did not exist before, and where it is now.
pub(crate) struct Created<T>(pub(crate) T);

impl<T: Serialize + Located> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        made(StatusCode::CREATED, &self.0.location(), Data(self.0))
    }
}

impl<T: ToSchema + Located> Describe for Created<T> {
    fn describe(operation: &mut Operation) {
        operation.makes(T::PARAMETER, T::PLACE);
        operation.answers_with::<T>(201, "It was made.", &["Location"]);
    }
}

/// One thing that is begun, and where it is.
pub(crate) struct Begun<T>(pub(crate) T);

impl<T: Serialize + Located> IntoResponse for Begun<T> {
    fn into_response(self) -> Response {
        made(StatusCode::ACCEPTED, &self.0.location(), Data(self.0))
    }
}

impl<T: ToSchema + Located> Describe for Begun<T> {
    fn describe(operation: &mut Operation) {
        operation.makes(T::PARAMETER, T::PLACE);
        operation.answers_with::<T>(202, "It is begun, and happens.", &["Location"]);
    }
}

/// One thing that people edit, which this changed, and so made anew, or left as it was.
pub(crate) struct Applied<T> {
    pub(crate) is_new: bool,
    pub(crate) thing: Tagged<T>,
}

impl<T: Serialize + Located> IntoResponse for Applied<T> {
    fn into_response(self) -> Response {
        let location = self.is_new.then(|| self.thing.0.location());
        match location {
            Some(location) => made(StatusCode::CREATED, &location, self.thing),
            None => self.thing.into_response(),
        }
    }
}

impl<T: ToSchema + Located> Describe for Applied<T> {
    fn describe(operation: &mut Operation) {
        operation.makes(T::PARAMETER, T::PLACE);
        operation.answers_with::<T>(200, "It was so already.", &["ETag"]);
        operation.answers_with::<T>(201, "It was made.", &["Location", "ETag"]);
    }
}

fn made(status: StatusCode, location: &str, thing: impl IntoResponse) -> Response {
    let mut response = (status, thing).into_response();
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// One thing with which something is to happen.
pub(crate) struct Accepted<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Data(self.0)).into_response()
    }
}

impl<T: ToSchema> Describe for Accepted<T> {
    fn describe(operation: &mut Operation) {
        operation.answers_with::<T>(202, "It was taken up, and happens.", &[]);
    }
}

/// Nothing to say, but that it happens.
pub(crate) struct TakenUp;

impl IntoResponse for TakenUp {
    fn into_response(self) -> Response {
        StatusCode::ACCEPTED.into_response()
    }
}

impl Describe for TakenUp {
    fn describe(operation: &mut Operation) {
        operation.answers(202, "It was taken up, and happens.", &[], None);
    }
}

/// It is gone.
pub(crate) struct Gone;

impl IntoResponse for Gone {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Describe for Gone {
    fn describe(operation: &mut Operation) {
        operation.answers(204, "It is gone.", &[], None);
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
        written(&PageEnvelope { data: items, next_cursor })
    }
}

impl<T: ToSchema> Describe for List<T> {
    fn describe(operation: &mut Operation) {
        let item = operation.reference::<T>();
        let cursor = json!({
            "type": ["string", "null"],
            "description": "What the next page comes after, for `cursor`; null on the last page.",
            "examples": [null],
        });
        let envelope = json!({
            "type": "object", "required": ["data", "next_cursor"],
            "properties": {"data": {"type": "array", "items": item}, "next_cursor": cursor},
        });
        operation.answers(200, "One page.", &[], Some(json!({"application/json": {"schema": envelope}})));
    }
}
