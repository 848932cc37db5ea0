//! The document model: a definition as the interpreter walks it.
//!
//! Tasks and lists of tasks are kept in two tables and name each other by index, so walking needs no recursion and no borrowing.

use crate::{
    expression::{Stage, Template},
    limits,
    problem::ProblemCode,
    reader::{Object, Place, Reader},
    rules,
    task::{self, Task},
};

/// Names a list of tasks of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListId(pub(crate) usize);

/// Names a task of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId(pub(crate) usize);

/// A valid document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) input_from: Option<Template>,
    pub(crate) output_as: Option<Template>,
    pub(crate) root: ListId,
    pub(crate) tasks: Tasks,
}

/// The tasks of a document.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    tasks: Vec<Task>,
    lists: Vec<Vec<TaskId>>,
}

impl Tasks {
    /// The task of this id.
    pub(crate) fn task(&self, id: TaskId) -> &Task {
        &self.tasks[id.0]
    }

    /// The task that a JSON Pointer names.
    pub(crate) fn find(&self, reference: &str) -> Option<TaskId> {
        self.tasks.iter().position(|task| task.reference == reference).map(TaskId)
    }

    /// The tasks of a list, in order.
    pub(crate) fn list(&self, id: ListId) -> &[TaskId] {
        &self.lists[id.0]
    }

    /// Adds a list that is filled in later, so that its tasks can name it.
    pub(crate) fn reserve_list(&mut self) -> ListId {
        self.lists.push(Vec::new());
        ListId(self.lists.len() - 1)
    }

    /// Fills in a list.
    pub(crate) fn fill_list(&mut self, id: ListId, tasks: Vec<TaskId>) {
        self.lists[id.0] = tasks;
    }

    /// Adds a task, if there is room for it.
    pub(crate) fn add(&mut self, task: Task) -> TaskId {
        self.tasks.push(task);
        TaskId(self.tasks.len() - 1)
    }

    /// Whether another task would be too many.
    pub(crate) fn is_full(&self) -> bool {
        self.tasks.len() >= limits::TASKS
    }
}

/// Reads a whole document.
pub(crate) fn read<'d>(reader: &mut Reader<'d>, place: &Place<'d>) -> Option<Document> {
    let mut object = reader.object(place)?;
    let header = object.require(reader, "document").and_then(|place| read_header(reader, &place));
    let input_from = object
        .take("input")
        .and_then(|place| read_transformation(reader, &place, "from", Stage::WorkflowInput));
    let output_as = object
        .take("output")
        .and_then(|place| read_transformation(reader, &place, "as", Stage::WorkflowOutput));
    let mut tasks = Tasks::default();
    let root = object.require(reader, "do").and_then(|place| task::read_list(reader, &mut tasks, &place));
    object.refuse(reader, &["use", "timeout", "schedule", "evaluate"]);
    object.finish(reader);
    let (namespace, name, version) = header?;
    Some(Document { namespace, name, version, input_from, output_as, root: root?, tasks })
}

fn read_header<'d>(reader: &mut Reader<'d>, place: &Place<'d>) -> Option<(String, String, String)> {
    let mut object = reader.object(place)?;
    if let Some(place) = object.require(reader, "dsl") {
        read_dsl(reader, &place);
    }
    let namespace = require(reader, &mut object, "namespace", rules::is_name, rules::NAME);
    let name = require(reader, &mut object, "name", rules::is_name, rules::NAME);
    let version =
        require(reader, &mut object, "version", rules::is_semantic_version, rules::SEMANTIC_VERSION);
    for key in ["title", "summary"] {
        object.take(key).map(|place| reader.string(&place));
    }
    for key in ["tags", "metadata"] {
        object.take(key).map(|place| reader.object(&place));
    }
    object.finish(reader);
    Some((namespace?, name?, version?))
}

fn require<'d>(
    reader: &mut Reader<'d>,
    object: &mut Object<'d>,
    key: &str,
    rule: fn(&str) -> bool,
    expected: &str,
) -> Option<String> {
    let place = object.require(reader, key)?;
    reader.text(&place, rule, expected).map(ToOwned::to_owned)
}

fn read_dsl<'d>(reader: &mut Reader<'d>, place: &Place<'d>) {
    let Some(version) = reader.text(place, rules::is_semantic_version, rules::SEMANTIC_VERSION) else {
        return;
    };
    if !version.starts_with("1.0.") {
        reader.report(place, ProblemCode::Unsupported, "only version 1.0 of the language is supported");
    }
}

/// Reads `input`, `output` or `export`: an object of a `schema`, which is not supported, and one transformation.
pub(crate) fn read_transformation<'d>(
    reader: &mut Reader<'d>,
    place: &Place<'d>,
    key: &str,
    stage: Stage,
) -> Option<Template> {
    let mut object = reader.object(place)?;
    let template = object.take(key).and_then(|place| Template::read_transformation(reader, &place, stage));
    object.refuse(reader, &["schema"]);
    object.finish(reader);
    template
}
