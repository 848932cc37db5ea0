//! `switch`: goes on where the first case that matches says (the specification's DSL reference, "Switch").

use serde_json::Value;

use super::{Action, Flow, Scope, named};
use crate::{
    WorkflowError,
    expression::{Expression, Stage},
    interpreter::Evaluation,
    problem::ProblemCode,
    reader::{Place, Reader},
};

/// The cases, in order.
#[derive(Debug)]
pub(crate) struct Switch {
    cases: Vec<(Expression, Flow)>,
    /// The case without a condition, which matches when no other does, wherever it stands.
    default: Option<Flow>,
}

struct Case {
    when: Option<Expression>,
    then: Flow,
}

impl Switch {
    pub(super) fn read<'d>(reader: &mut Reader<'d>, scope: &Scope<'_>, place: &Place<'d>) -> Option<Self> {
        let Some(items) = place.items() else {
            return reader.expected(place, "a list of cases");
        };
        let items: Vec<_> = items.collect();
        if items.is_empty() {
            return reader.invalid(place, "expected at least one case");
        }
        let mut switch = Self { cases: Vec::new(), default: None };
        for item in items {
            let Some((_, place)) = named(reader, &item) else { continue };
            let Some(case) = read_case(reader, scope, &place) else { continue };
            match case.when {
                Some(when) => switch.cases.push((when, case.then)),
                None if switch.default.is_none() => switch.default = Some(case.then),
                None => reader.report(
                    &place,
                    ProblemCode::Invalid,
                    "only one case may be without `when`; another one is",
                ),
            }
        }
        Some(switch)
    }

    pub(super) fn run(
        &self,
        evaluation: &mut Evaluation<'_>,
        input: &Value,
    ) -> Result<Action, WorkflowError> {
        for (when, then) in &self.cases {
            if evaluation.holds(when, input)? {
                return Ok(Action::Branch(input.clone(), *then));
            }
        }
        Ok(match self.default {
            Some(then) => Action::Branch(input.clone(), then),
            None => Action::Output(input.clone()),
        })
    }
}

fn read_case<'d>(reader: &mut Reader<'d>, scope: &Scope<'_>, place: &Place<'d>) -> Option<Case> {
    let mut object = reader.object(place)?;
    let when = object.take("when").map(|place| reader.expression(&place, Stage::TaskBody));
    let then = object.require(reader, "then").and_then(|place| scope.read_flow(reader, &place));
    object.finish(reader);
    let when = match when {
        Some(compiled) => Some(compiled?),
        None => None,
    };
    Some(Case { when, then: then? })
}
