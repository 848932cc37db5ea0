//! Values of a definition in which strings may be expressions.

use serde_json::{Map, Value};

use super::{Expression, Stage};
use crate::{
    WorkflowError,
    interpreter::Evaluation,
    reader::{Place, Reader},
    source::Content,
};

/// A value to compute. Nothing in it is deeper than a document may be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Template {
    Literal(Value),
    Expression(Expression),
    Object(Vec<(String, Template)>),
    List(Vec<Template>),
}

impl Template {
    /// Reads a value; strings in `${ }` are expressions.
    pub(crate) fn read<'d>(reader: &mut Reader<'d>, place: &Place<'d>, stage: Stage) -> Option<Self> {
        match &place.node.content {
            Content::String(text) if Expression::is_marked(text) => {
                reader.compile(place, text, stage).map(Self::Expression)
            }
            Content::Sequence(_) => {
                let items = place.items()?.map(|item| Self::read(reader, &item, stage));
                Some(Self::list(collect(items)?))
            }
            Content::Mapping(_) => {
                let properties = reader.object(place)?.into_properties();
                let properties = properties.into_iter().map(|(key, place)| {
                    Self::read(reader, &place, stage).map(|template| (key.to_owned(), template))
                });
                Some(Self::object(collect(properties)?))
            }
            _ => Some(Self::Literal(place.node.to_value())),
        }
    }

    /// Reads an object, or a string that is an expression with or without `${ }`: `from` and `as`.
    pub(crate) fn read_transformation<'d>(
        reader: &mut Reader<'d>,
        place: &Place<'d>,
        stage: Stage,
    ) -> Option<Self> {
        match &place.node.content {
            Content::String(_) => reader.expression(place, stage).map(Self::Expression),
            Content::Mapping(_) => Self::read(reader, place, stage),
            _ => reader.expected(place, "an expression or an object"),
        }
    }

    fn list(items: Vec<Self>) -> Self {
        let literals = items.iter().map(|item| item.as_literal().cloned()).collect::<Option<Vec<_>>>();
        literals.map_or_else(|| Self::List(items), |literals| Self::Literal(Value::Array(literals)))
    }

    fn object(properties: Vec<(String, Self)>) -> Self {
        let literal = |(key, template): &(String, Self)| Some((key.clone(), template.as_literal()?.clone()));
        let literals = properties.iter().map(literal).collect::<Option<Map<_, _>>>();
        literals.map_or_else(|| Self::Object(properties), |literals| Self::Literal(Value::Object(literals)))
    }

    /// The value, if nothing in it is to be computed.
    pub(crate) fn as_literal(&self) -> Option<&Value> {
        match self {
            Self::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Computes the value with `input` as `.`; expressions in the input are data and stay as they are.
    pub(crate) fn evaluate(
        &self,
        evaluation: &mut Evaluation<'_>,
        input: &Value,
    ) -> Result<Value, WorkflowError> {
        let value = self.fill(evaluation, input)?;
        evaluation.spend(&value)?;
        Ok(value)
    }

    fn fill(&self, evaluation: &mut Evaluation<'_>, input: &Value) -> Result<Value, WorkflowError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(expression) => evaluation.evaluate(expression, input),
            Self::List(items) => items.iter().map(|item| item.fill(evaluation, input)).collect(),
            Self::Object(properties) => properties
                .iter()
                .map(|(key, template)| Ok((key.clone(), template.fill(evaluation, input)?)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
        }
    }
}

/// Everything, or `None` if one is missing; all are read in any case, so that all problems are found.
fn collect<T>(parts: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let parts: Vec<Option<T>> = parts.collect();
    parts.into_iter().collect()
}
