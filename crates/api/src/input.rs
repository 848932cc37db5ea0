//! What requests bring, checked: everything that is wrong with it is said at once, with the names of the fields.

use std::{collections::BTreeMap, marker::PhantomData, str::FromStr};

use axum::{
    body::{Bytes, HttpBody as _},
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use chrono::Datelike as _;
use serde::de::DeserializeOwned;
use serde_json::{error::Category, json};
use tenantry_domain::{
    ApiKeyId, Change, ExecutionId, Invalid, PageRequest, Revision, ScheduleId, Timestamp, UserId,
    WorkflowName, field::UnknownWord,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    openapi::{Describe, Operation, Parameter, values},
    problem::{Code, Problem},
};

/// Collects what is wrong with the fields of one request.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<Invalid>);

impl Fields {
    /// The value, or nothing and a note of what is wrong with it.
    pub(crate) fn check<T>(&mut self, checked: Result<T, Invalid>) -> Option<T> {
        checked.map_err(|invalid| self.0.push(invalid)).ok()
    }

    /// The value, or nothing and a note of each thing that is wrong with it.
    pub(crate) fn check_all<T>(&mut self, checked: Result<T, Vec<Invalid>>) -> Option<T> {
        checked.map_err(|invalid| self.0.extend(invalid)).ok()
    }

    /// A field that must be there.
    pub(crate) fn required<V, T>(
        &mut self,
        name: &'static str,
        value: Option<V>,
        check: impl FnOnce(V) -> Result<T, Invalid>,
    ) -> Option<T> {
        let value = value.ok_or_else(|| Invalid::new(name, "is required"));
        let checked = value.and_then(check);
        self.check(checked)
    }

    /// A field that may be missing.
    pub(crate) fn optional<V, T>(
        &mut self,
        value: Option<V>,
        check: impl FnOnce(V) -> Result<T, Invalid>,
    ) -> Option<T> {
        value.and_then(|value| self.check(check(value)))
    }

    /// A field that changes something, or clears it.
    pub(crate) fn change<V, T>(
        &mut self,
        change: Change<V>,
        check: impl FnOnce(V) -> Result<T, Invalid>,
    ) -> Change<T> {
        match change {
            Change::Keep => Change::Keep,
            Change::Clear => Change::Clear,
            Change::Set(value) => self.check(check(value)).map_or(Change::Keep, Change::Set),
        }
    }

    /// Says everything that was wrong, if anything was.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        self.finish_with(Some(()))
    }

    /// What was checked, if all was right; a value is missing only where something was wrong.
    pub(crate) fn finish_with<T>(self, checked: Option<T>) -> Result<T, Problem> {
        checked.filter(|_| self.0.is_empty()).ok_or_else(|| Problem::invalid(&self.0))
    }
}

/// One word of a closed set.
pub(crate) fn word<T: FromStr<Err = UnknownWord>>(field: &'static str, text: &str) -> Result<T, Invalid> {
    text.parse().map_err(|unknown: UnknownWord| unknown.of(field))
}

/// A moment (RFC 3339, section 5.6), in any offset. A leap second is the one after it.
pub(crate) fn timestamp(field: &'static str, text: &str) -> Result<Timestamp, Invalid> {
    let moment = chrono::DateTime::parse_from_rfc3339(text).ok();
    let moment = moment.and_then(|moment| Timestamp::from_timestamp_micros(moment.timestamp_micros()));
    // Later years have no form in RFC 3339, and an offset or a leap second may lead to one.
    let moment = moment.filter(|moment| (0..=9999).contains(&moment.year()));
    let rule = "must be a date and time of RFC 3339, such as 2030-01-31T12:00:00Z";
    moment.ok_or_else(|| Invalid::new(field, rule))
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Code::UnsupportedMediaType, "send the body as application/json"));
        }
        let bytes = read(request, state).await?;
        if bytes.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
            // serde would take an array for an object whose fields come in order.
            return Err(Problem::invalid(&[Invalid::new("", "the body must be an object")]));
        }
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let body = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = error.path().to_string();
            json_problem(&field, error.inner())
        })?;
        json.end().map_err(|error| json_problem("", &error))?;
        Ok(Self(body))
    }
}

impl<T: ToSchema> Describe for Body<T> {
    fn describe(operation: &mut Operation) {
        let schema = operation.reference::<T>();
        operation.reads(true, &json!({"application/json": {"schema": schema}}));
    }
}

/// A JSON body that may be left out.
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.body().size_hint().exact() == Some(0) {
            return Ok(Self(T::default()));
        }
        Body::from_request(request, state).await.map(|Body(body)| Self(body))
    }
}

impl<T: ToSchema> Describe for OptionalBody<T> {
    fn describe(operation: &mut Operation) {
        let schema = operation.reference::<T>();
        operation.reads(false, &json!({"application/json": {"schema": schema}}));
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = essence(headers);
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Whether it says that it is a definition: as YAML (RFC 9512, and the names that it had before), as JSON, as text, or not at all.
fn is_definition(headers: &HeaderMap) -> bool {
    let essence = essence(headers);
    let (_, subtype) = essence.split_once('/').unwrap_or_default();
    let is_yaml = matches!(subtype, "yaml" | "x-yaml" | "vnd.yaml") || subtype.ends_with("+yaml");
    is_yaml || is_json(headers) || essence == "text/plain" || !headers.contains_key(header::CONTENT_TYPE)
}

/// The type of the body, without its parameters.
fn essence(headers: &HeaderMap) -> String {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn json_problem(field: &str, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    match error.classify() {
        Category::Data => Problem::invalid(&[Invalid::new(field.to_owned(), message)]),
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::malformed(&format!("the body is not JSON: {message}"), error.line(), error.column())
        }
    }
}

/// A definition, in UTF-8.
pub(crate) struct Source(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for Source {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_definition(request.headers()) {
            let rule = "send the definition as application/yaml or application/json";
            return Err(Problem::new(Code::UnsupportedMediaType, rule));
        }
        let bytes = read(request, state).await?;
        String::from_utf8(bytes.into())
            .map(Self)
            .map_err(|_| Problem::new(Code::Malformed, "the body is not UTF-8"))
    }
}

impl Describe for Source {
    fn describe(operation: &mut Operation) {
        reads_definition::<values::Definition>(operation);
    }
}

/// What its sender wants to be a definition, in UTF-8.
pub(crate) struct Draft(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for Draft {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Source::from_request(request, state).await.map(|Source(text)| Self(text))
    }
}

impl Describe for Draft {
    fn describe(operation: &mut Operation) {
        reads_definition::<values::Draft>(operation);
    }
}

/// In two notations, which say the same.
fn reads_definition<T: ToSchema>(operation: &mut Operation) {
    let definition = operation.reference::<T>();
    let content =
        json!({"application/yaml": {"schema": definition}, "application/json": {"schema": definition}});
    operation.reads(true, &content);
}

/// The whole body, within the limit of size.
pub(crate) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    use axum::response::IntoResponse as _;
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::PayloadTooLarge, "a body may have at most 1 MiB"),
        _ => Problem::new(Code::Malformed, "the body did not arrive whole"),
    })
}

/// Something that paths name.
pub(crate) trait Named: Sized {
    /// The name of its place in the path.
    const PARAMETER: &'static str;
    /// What it is, for those who ask for one that is not there.
    const NOUN: &'static str;
    /// Reads it; what cannot be read names nothing.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! named {
    ($($type:ty = $parameter:literal, $noun:literal, $read:expr;)+) => {
        $(impl Named for $type {
            const PARAMETER: &'static str = $parameter;
            const NOUN: &'static str = $noun;
            fn read(text: &str) -> Option<Self> {
                let read: fn(&str) -> Option<Self> = $read;
                read(text)
            }
        })+
    };
}

named! {
    UserId = "user", "user", |text| text.parse().ok();
    ApiKeyId = "api_key", "API key", |text| text.parse().ok();
    ExecutionId = "execution", "execution", |text| text.parse().ok();
    ScheduleId = "schedule", "schedule", |text| text.parse().ok();
    WorkflowName = "workflow", "workflow", |text| Self::parse(text).ok();
    Revision = "revision", "revision of a workflow", revision;
}

/// The number of a revision, as it is written everywhere.
pub(crate) fn revision(text: &str) -> Option<Revision> {
    text.parse().ok().filter(|revision: &Revision| *revision >= 1 && revision.to_string() == text)
}

/// What the path names.
pub(crate) struct InPath<T>(pub(crate) T);

impl<T: Named, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = path_parameter(parts, state, T::PARAMETER).await;
        text.and_then(|text| T::read(&text)).map(Self).ok_or_else(|| Problem::not_found(T::NOUN))
    }
}

impl<T> Describe for InPath<T> {
    /// The path says it.
    fn describe(_: &mut Operation) {}
}

/// One parameter of the path, if the route has it.
pub(crate) async fn path_parameter<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Option<String> {
    let Ok(parameters) = RawPathParams::from_request_parts(parts, state).await else {
        // What is not UTF-8 names something, and nothing that is there.
        return Some("\u{fffd}".to_owned());
    };
    parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// Which parameters an operation takes.
pub(crate) trait Parameters {
    /// All of them.
    const ALL: &[Parameter];
}

/// Paging alone, by cursors of this shape.
pub(crate) struct Paging<Cursor>(PhantomData<fn() -> Cursor>);

impl<Cursor: ToSchema> Parameters for Paging<Cursor> {
    const ALL: &[Parameter] = &[LIMIT, cursor::<Cursor>()];
}

/// How many things a page is to have.
pub(crate) const LIMIT: Parameter =
    Parameter::new::<values::Limit>("limit", "How many things the page has at most.");

/// What a page comes after.
pub(crate) const fn cursor<Cursor: ToSchema>() -> Parameter {
    Parameter::new::<Cursor>(
        "cursor",
        "The `next_cursor` of the page before. Without it the page is the first.",
    )
}

/// The query of an operation that takes no parameters: there is none.
pub(crate) struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some_and(|query| !query.is_empty()) {
            Query::<Self>::from_request_parts(parts, state).await?.finish()?;
        }
        Ok(Self)
    }
}

impl Parameters for NoQuery {
    const ALL: &[Parameter] = &[];
}

impl Describe for NoQuery {
    fn describe(operation: &mut Operation) {
        operation.takes(Self::ALL);
    }
}

/// The parameters of the query, of which each must be known and stand there once.
pub(crate) struct Query<P> {
    given: BTreeMap<String, String>,
    fields: Fields,
    parameters: PhantomData<fn() -> P>,
}

impl<P, S: Send + Sync> FromRequestParts<S> for Query<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut query = Self { given: BTreeMap::new(), fields: Fields::default(), parameters: PhantomData };
        for (name, value) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if query.given.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                query.fields.0.push(Invalid::new(name.into_owned(), "must be given once"));
            }
        }
        Ok(query)
    }
}

impl<P: Parameters> Describe for Query<P> {
    fn describe(operation: &mut Operation) {
        operation.takes(P::ALL);
    }
}

impl<P: Parameters> Query<P> {
    /// A parameter that may be missing.
    pub(crate) fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        debug_assert!(P::ALL.iter().any(|known| known.name == name), "{name} is not among the parameters");
        let value = self.given.remove(name)?;
        self.fields.check(read(&value))
    }

    /// `limit` and `cursor`, where cursors are ids of this type.
    pub(crate) fn page<T: FromStr>(&mut self, uuid: fn(T) -> Uuid) -> PageRequest {
        let limit = self.limit();
        PageRequest::new(self.cursor().map(uuid), limit)
    }

    /// How many things a page is to have.
    pub(crate) fn limit(&mut self) -> u16 {
        let limit = self.take("limit", |text| {
            let limit = text.parse().ok().filter(|limit| (1..=PageRequest::MAX_LIMIT).contains(limit));
            limit.ok_or_else(|| {
                Invalid::new("limit", format!("must be a number from 1 to {}", PageRequest::MAX_LIMIT))
            })
        });
        limit.unwrap_or(PageRequest::DEFAULT_LIMIT)
    }

    /// What a page comes after.
    pub(crate) fn cursor<T: FromStr>(&mut self) -> Option<T> {
        self.take("cursor", |text| {
            text.parse().map_err(|_| Invalid::new("cursor", "must be the next_cursor of the page before"))
        })
    }

    /// Says everything that was wrong, unknown parameters included.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        let unknown =
            self.given.into_keys().map(|name| Invalid::new(name, "is no parameter of this operation"));
        self.fields.0.extend(unknown);
        self.fields.finish()
    }
}
