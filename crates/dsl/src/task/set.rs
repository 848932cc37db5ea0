//! `set`: makes data (the specification's DSL reference, "Set").

use serde_json::Value;

use crate::{
    WorkflowError,
    expression::{Stage, Template},
    interpreter::Evaluation,
    reader::{Place, Reader},
    source::Content,
};

/// What the task's output is to be.
#[derive(Debug)]
pub(crate) struct Set(Template);

impl Set {
    pub(super) fn read<'d>(reader: &mut Reader<'d>, place: &Place<'d>) -> Option<Self> {
        if matches!(&place.node.content, Content::Mapping(entries) if entries.is_empty()) {
            return reader.invalid(place, "expected at least one property to set");
        }
        Template::read_transformation(reader, place, Stage::TaskBody).map(Self)
    }

    pub(super) fn run(&self, evaluation: &mut Evaluation<'_>, input: &Value) -> Result<Value, WorkflowError> {
        self.0.evaluate(evaluation, input)
    }
}
