//! The arguments of expressions, made when an expression asks for them (the specification's dsl.md, "Runtime expression
//! arguments").

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::Start;
use crate::{
    Definition,
    document::TaskId,
    expression::{Arguments, Expression},
};

/// What is known of an execution.
pub(crate) struct Facts {
    pub(super) definition: Definition,
    pub(super) raw_input: Arc<Value>,
    pub(super) context: Arc<Value>,
    workflow: Arc<Value>,
    runtime: Arc<Value>,
}

/// What is known of a task that runs.
pub(crate) struct TaskFacts {
    id: TaskId,
    pub(super) started_at: DateTime<Utc>,
    pub(super) raw_input: Arc<Value>,
    pub(super) input: Option<Arc<Value>>,
    pub(super) raw_output: Option<Arc<Value>>,
    pub(super) output: Option<Arc<Value>>,
}

impl Facts {
    pub(super) fn new(definition: Definition, start: Start) -> Self {
        let workflow = json!({
            "id": start.execution_id,
            "definition": definition.json(),
            "input": &start.input,
            "startedAt": moment(start.started_at),
        });
        let runtime = json!({"name": "tenantry", "version": env!("CARGO_PKG_VERSION"), "metadata": {}});
        Self {
            definition,
            raw_input: Arc::new(start.input),
            context: Arc::default(),
            workflow: Arc::new(workflow),
            runtime: Arc::new(runtime),
        }
    }

    /// The arguments that an expression mentions.
    pub(super) fn arguments(&self, expression: &Expression, task: Option<&TaskFacts>) -> Arguments {
        expression
            .variables()
            .iter()
            .fold(Arguments::default(), |arguments, name| arguments.with(name, self.argument(name, task)))
    }

    fn argument(&self, name: &str, task: Option<&TaskFacts>) -> Arc<Value> {
        match (name, task) {
            ("context", _) => Arc::clone(&self.context),
            ("workflow", _) => Arc::clone(&self.workflow),
            ("runtime", _) => Arc::clone(&self.runtime),
            ("secrets", _) => Arc::new(json!({})),
            ("task", Some(task)) => Arc::new(self.describe(task)),
            ("input", Some(TaskFacts { input: Some(input), .. })) => Arc::clone(input),
            ("output", Some(TaskFacts { output: Some(output), .. })) => Arc::clone(output),
            _ => Arc::default(),
        }
    }

    fn describe(&self, facts: &TaskFacts) -> Value {
        let task = self.definition.document().tasks.task(facts.id);
        json!({
            "name": task.name,
            "reference": task.reference,
            "definition": self.definition.json().pointer(&task.reference),
            "input": &*facts.raw_input,
            "output": facts.raw_output.as_deref(),
            "startedAt": moment(facts.started_at),
        })
    }
}

impl TaskFacts {
    pub(super) fn new(id: TaskId, raw_input: Arc<Value>, started_at: DateTime<Utc>) -> Self {
        Self { id, started_at, raw_input, input: None, raw_output: None, output: None }
    }
}

/// The specification's date-time descriptor.
fn moment(time: DateTime<Utc>) -> Value {
    json!({
        "iso8601": time.to_rfc3339_opts(SecondsFormat::Millis, true),
        "epoch": {"seconds": time.timestamp(), "milliseconds": time.timestamp_millis()},
    })
}
