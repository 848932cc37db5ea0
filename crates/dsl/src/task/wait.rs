//! `wait`: lets time pass (the specification's DSL reference, "Wait").

use std::time::Duration;

use serde_json::Value;

use crate::{
    ErrorType, WorkflowError, duration,
    expression::{Expression, Stage},
    interpreter::Evaluation,
    reader::{Place, Reader},
    source::Content,
};

/// How long to wait.
#[derive(Debug)]
pub(crate) enum Wait {
    Fixed(Duration),
    /// As long as the ISO 8601 text that the expression gives.
    Computed(Expression),
}

impl Wait {
    pub(super) fn read<'d>(reader: &mut Reader<'d>, place: &Place<'d>) -> Option<Self> {
        match &place.node.content {
            Content::String(text) if Expression::is_marked(text) => {
                reader.compile(place, text, Stage::TaskBody).map(Self::Computed)
            }
            Content::String(text) => match duration::parse(text) {
                Ok(duration) => Some(Self::Fixed(duration)),
                Err(duration::Invalid::Calendar) => {
                    reader.unsupported(place, duration::Invalid::Calendar.to_string())
                }
                Err(error) => reader.invalid(place, error.to_string()),
            },
            Content::Mapping(_) => duration::read_object(reader, place).map(Self::Fixed),
            _ => reader.expected(place, "a duration: an object such as {seconds: 30}, or ISO 8601 text"),
        }
    }

    pub(super) fn run(
        &self,
        evaluation: &mut Evaluation<'_>,
        input: &Value,
    ) -> Result<Duration, WorkflowError> {
        let expression = match self {
            Self::Fixed(duration) => return Ok(*duration),
            Self::Computed(expression) => expression,
        };
        let value = evaluation.evaluate(expression, input)?;
        let parsed = value.as_str().map_or(Err(duration::Invalid::Form), duration::parse);
        parsed.map_err(|error| {
            WorkflowError::new(ErrorType::Expression, format!("{error}; the expression gave another value"))
        })
    }
}
