//! `call: http`: makes a request (the specification's DSL reference, "HTTP Call").

mod endpoint;

use serde_json::Value;

use endpoint::Endpoint;

use crate::{
    ErrorType, HttpOutput, HttpRequest, WorkflowError,
    expression::{Expression, Stage, Template},
    interpreter::Evaluation,
    problem::ProblemCode,
    reader::{Object, Place, Reader},
    rules,
    source::Content,
};

/// The request to make.
#[derive(Debug)]
pub(crate) struct CallHttp {
    method: String,
    endpoint: Endpoint,
    headers: Option<Template>,
    query: Option<Template>,
    body: Option<Template>,
    output: HttpOutput,
    redirect: bool,
}

impl CallHttp {
    pub(super) fn read<'d>(reader: &mut Reader<'d>, place: &Place<'d>) -> Option<Self> {
        let mut object = reader.object(place)?;
        let method = object
            .require(reader, "method")
            .and_then(|place| reader.text(&place, rules::is_token, "an HTTP method such as get"))
            .map(str::to_ascii_uppercase);
        let endpoint = object.require(reader, "endpoint").and_then(|place| Endpoint::read(reader, &place));
        let headers = pairs(reader, &mut object, "headers");
        let query = pairs(reader, &mut object, "query");
        let body = object.take("body").map(|place| Template::read(reader, &place, Stage::TaskBody));
        let output =
            object.take("output").map_or(Some(HttpOutput::default()), |place| read_output(reader, &place));
        let redirect = object.take("redirect").map_or(Some(false), |place| reader.boolean(&place));
        object.finish(reader);
        Some(Self {
            method: method?,
            endpoint: endpoint?,
            headers: headers?,
            query: query?,
            body: body.map_or(Some(None), |body| body.map(Some))?,
            output: output?,
            redirect: redirect?,
        })
    }

    pub(super) fn run(
        &self,
        evaluation: &mut Evaluation<'_>,
        input: &Value,
    ) -> Result<HttpRequest, WorkflowError> {
        let mut url = self.endpoint.url(evaluation, input)?;
        if let Some(query) = &self.query {
            let query = query.evaluate(evaluation, input)?;
            endpoint::add_query(&mut url, &parameters(&query, "query")?);
        }
        let mut headers = match &self.headers {
            Some(headers) => parameters(&headers.evaluate(evaluation, input)?, "headers")?,
            None => Vec::new(),
        };
        check_headers(&headers)?;
        let body = self.body.as_ref().map(|body| body.evaluate(evaluation, input)).transpose()?;
        let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if body.is_some() && !has_type {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        Ok(HttpRequest {
            method: self.method.clone(),
            url: url.into(),
            headers,
            body,
            redirect: self.redirect,
            output: self.output,
        })
    }
}

/// Reads `headers` or `query`: an object whose values are simple, or an expression that gives one. The outer option is empty if
/// something is wrong, the inner one if there is no such property.
#[expect(
    clippy::option_option,
    reason = "absent and wrong are different, and both are handled at once by the caller"
)]
fn pairs<'d>(reader: &mut Reader<'d>, object: &mut Object<'d>, key: &str) -> Option<Option<Template>> {
    let Some(place) = object.take(key) else { return Some(None) };
    match &place.node.content {
        Content::String(text) if Expression::is_marked(text) => {}
        Content::Mapping(_) => {
            for (name, place) in reader.object(&place)?.into_properties() {
                if matches!(place.node.content, Content::Sequence(_) | Content::Mapping(_)) {
                    reader.expected::<()>(&place, "a string");
                }
                if key == "headers" && !rules::is_token(name) {
                    reader.report(&place, ProblemCode::Invalid, format!("{name:?} cannot name a header"));
                }
            }
        }
        _ => return reader.expected(&place, "an object or an expression in ${ }"),
    }
    Template::read(reader, &place, Stage::TaskBody).map(Some)
}

fn read_output<'d>(reader: &mut Reader<'d>, place: &Place<'d>) -> Option<HttpOutput> {
    match reader.string(place)? {
        "raw" => Some(HttpOutput::Raw),
        "content" => Some(HttpOutput::Content),
        "response" => Some(HttpOutput::Response),
        _ => reader.invalid(place, "expected raw, content or response"),
    }
}

/// Names and values as text; what is null is left out.
fn parameters(value: &Value, property: &str) -> Result<Vec<(String, String)>, WorkflowError> {
    let wrong = |what: &str| WorkflowError::new(ErrorType::Expression, format!("`{property}` {what}"));
    let Value::Object(values) = value else {
        return Err(wrong("must be an object of names and values"));
    };
    let mut parameters = Vec::with_capacity(values.len());
    for (name, value) in values {
        match value {
            Value::Null => {}
            Value::String(text) => parameters.push((name.clone(), text.clone())),
            Value::Bool(_) | Value::Number(_) => parameters.push((name.clone(), value.to_string())),
            Value::Array(_) | Value::Object(_) => return Err(wrong("must have strings as values")),
        }
    }
    Ok(parameters)
}

/// A line break in a header would begin another one.
fn check_headers(headers: &[(String, String)]) -> Result<(), WorkflowError> {
    let is_wrong = |(name, value): &&(String, String)| {
        !rules::is_token(name) || value.chars().any(|character| character.is_control() && character != '\t')
    };
    match headers.iter().find(is_wrong) {
        None => Ok(()),
        Some((name, _)) => {
            let detail = format!("the header {name:?} has a character that headers cannot have");
            Err(WorkflowError::new(ErrorType::Expression, detail))
        }
    }
}
