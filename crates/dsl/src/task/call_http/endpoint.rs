//! Where a request goes (the specification's DSL reference, "Endpoint" and "URI Template").

use serde_json::Value;
use url::Url;

use crate::{
    ErrorType, WorkflowError,
    expression::{Expression, Stage},
    interpreter::Evaluation,
    reader::{Place, Reader},
    source::Content,
    uri_template::{self, UriTemplate, percent_encode},
};

const EXPECTED: &str = "an absolute http or https URL";

/// The URL of a request.
#[derive(Debug)]
pub(super) enum Endpoint {
    Template(UriTemplate),
    Computed(Expression),
}

impl Endpoint {
    pub(super) fn read<'d>(reader: &mut Reader<'d>, place: &Place<'d>) -> Option<Self> {
        if !matches!(place.node.content, Content::Mapping(_)) {
            return Self::read_uri(reader, place);
        }
        let mut object = reader.object(place)?;
        let endpoint = object.require(reader, "uri").and_then(|place| Self::read_uri(reader, &place));
        object.refuse(reader, &["authentication"]);
        object.finish(reader);
        endpoint
    }

    fn read_uri<'d>(reader: &mut Reader<'d>, place: &Place<'d>) -> Option<Self> {
        let text = reader.string(place)?;
        if Expression::is_marked(text) {
            return reader.compile(place, text, Stage::TaskBody).map(Self::Computed);
        }
        match UriTemplate::parse(text) {
            Ok(template) if parse(&template.sample()).is_some() => Some(Self::Template(template)),
            Ok(_) => reader.invalid(place, format!("expected {EXPECTED}")),
            Err(error @ uri_template::Invalid::Operator(_)) => reader.unsupported(place, error.to_string()),
            Err(error) => reader.invalid(place, error.to_string()),
        }
    }

    pub(super) fn url(&self, evaluation: &mut Evaluation<'_>, input: &Value) -> Result<Url, WorkflowError> {
        let text = match self {
            Self::Template(template) => {
                template.expand(input).map_err(|detail| WorkflowError::new(ErrorType::Expression, detail))?
            }
            Self::Computed(expression) => match evaluation.evaluate(expression, input)? {
                Value::String(text) => text,
                _ => return Err(not_a_url()),
            },
        };
        parse(&text).ok_or_else(not_a_url)
    }
}

fn not_a_url() -> WorkflowError {
    WorkflowError::new(ErrorType::Configuration, format!("the endpoint is not {EXPECTED}"))
}

fn parse(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// Adds parameters to those that the URL has already.
pub(super) fn add_query(url: &mut Url, parameters: &[(String, String)]) {
    if parameters.is_empty() {
        return;
    }
    let pair =
        |(name, value): &(String, String)| format!("{}={}", percent_encode(name), percent_encode(value));
    let before = url.query().filter(|query| !query.is_empty()).map(ToOwned::to_owned);
    let query: Vec<String> = before.into_iter().chain(parameters.iter().map(pair)).collect();
    url.set_query(Some(&query.join("&")));
}
