//! Tasks: what all of them share, and the dispatch on what sets them apart.
//!
//! To add a task type: a file under `task/` with its type, a `read` that makes it out of the document and a `run` that says what
//! is to be done; a variant of [`Kind`]; an arm in [`read_kind`] and in [`Kind::run`]; and its key moved from
//! [`UNSUPPORTED`] to [`SUPPORTED`].

mod call_http;
mod set;
mod switch;
mod wait;

use std::{collections::HashMap, time::Duration};

use serde_json::Value;

use crate::{
    HttpRequest, WorkflowError,
    document::{ListId, TaskId, Tasks, read_transformation},
    expression::{Expression, Stage, Template},
    interpreter::Evaluation,
    limits,
    problem::ProblemCode,
    reader::{Object, Place, Reader},
    source::Content,
};

/// The keys that set a task's type apart and are interpreted. `do` comes last, since other types have a `do` as well.
const SUPPORTED: &[&str] = &["call", "set", "switch", "wait", "do"];

/// The keys of the types that are not interpreted yet, each with what else a task of the type has.
const UNSUPPORTED: &[(&str, &[&str])] = &[
    ("emit", &[]),
    ("for", &["while", "do"]),
    ("fork", &[]),
    ("listen", &["foreach"]),
    ("raise", &[]),
    ("run", &[]),
    ("try", &["catch"]),
];

/// A task.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) name: String,
    /// The JSON Pointer to its definition.
    pub(crate) reference: String,
    /// The list it stands in, and where.
    pub(crate) list: ListId,
    pub(crate) index: usize,
    pub(crate) condition: Option<Expression>,
    pub(crate) input_from: Option<Template>,
    pub(crate) output_as: Option<Template>,
    pub(crate) export_as: Option<Template>,
    pub(crate) then: Flow,
    pub(crate) kind: Kind,
}

/// Where to go on (the specification's DSL reference, "Flow Directive").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// With the next task of the list.
    Continue,
    /// After the list.
    Exit,
    /// Nowhere: the workflow ends.
    End,
    /// With the task at this index of the same list.
    To(usize),
}

/// What sets a task apart.
#[derive(Debug)]
pub(crate) enum Kind {
    CallHttp(Box<call_http::CallHttp>),
    Do(ListId),
    Set(set::Set),
    Switch(switch::Switch),
    Wait(wait::Wait),
}

/// What a task wants done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Nothing more: this is its raw output.
    Output(Value),
    /// Go on elsewhere than its `then` says, with this raw output.
    Branch(Value, Flow),
    /// Its list, with its input.
    Enter(ListId),
    /// A request; its response makes the raw output.
    Call(HttpRequest),
    /// A wait; the input is the raw output.
    Sleep(Duration),
}

impl Kind {
    /// What is to be done for a task with this transformed input.
    pub(crate) fn run(
        &self,
        evaluation: &mut Evaluation<'_>,
        input: &Value,
    ) -> Result<Action, WorkflowError> {
        match self {
            Self::CallHttp(call) => call.run(evaluation, input).map(Action::Call),
            Self::Do(list) => Ok(Action::Enter(*list)),
            Self::Set(set) => set.run(evaluation, input).map(Action::Output),
            Self::Switch(switch) => switch.run(evaluation, input),
            Self::Wait(wait) => wait.run(evaluation, input).map(Action::Sleep),
        }
    }
}

/// The names of a list's tasks, for flow directives.
pub(crate) struct Scope<'d> {
    names: HashMap<&'d str, usize>,
}

impl Scope<'_> {
    /// Reads a flow directive.
    pub(crate) fn read_flow<'d>(&self, reader: &mut Reader<'d>, place: &Place<'d>) -> Option<Flow> {
        match reader.string(place)? {
            "continue" => Some(Flow::Continue),
            "exit" => Some(Flow::Exit),
            "end" => Some(Flow::End),
            name => self.names.get(name).copied().map(Flow::To).or_else(|| {
                let message = format!(
                    "expected continue, exit, end, or a task of the same list; there is no task `{name}` in it"
                );
                reader.invalid(place, message)
            }),
        }
    }
}

/// Reads a list of tasks.
pub(crate) fn read_list<'d>(reader: &mut Reader<'d>, tasks: &mut Tasks, place: &Place<'d>) -> Option<ListId> {
    let Some(items) = place.items() else {
        return reader.expected(place, "a list of tasks");
    };
    let named: Vec<_> = items.filter_map(|item| named(reader, &item)).collect();
    let mut scope = Scope { names: HashMap::with_capacity(named.len()) };
    for (index, (name, place)) in named.iter().enumerate() {
        if scope.names.insert(name, index).is_some() {
            reader.report(place, ProblemCode::Invalid, format!("another task of the list is named `{name}`"));
        }
    }
    let list = tasks.reserve_list();
    let ids: Vec<TaskId> = named
        .into_iter()
        .enumerate()
        .filter_map(|(index, (name, place))| read_task(reader, tasks, &scope, (list, index), name, &place))
        .collect();
    tasks.fill_list(list, ids);
    Some(list)
}

/// The one property of a list's item: its name and its value.
pub(crate) fn named<'d>(reader: &mut Reader<'d>, item: &Place<'d>) -> Option<(&'d str, Place<'d>)> {
    let mut properties = reader.object(item)?.into_properties();
    if properties.len() != 1 {
        return reader.invalid(item, "expected an object with one property, whose key is the name");
    }
    properties.pop()
}

fn read_task<'d>(
    reader: &mut Reader<'d>,
    tasks: &mut Tasks,
    scope: &Scope<'_>,
    (list, index): (ListId, usize),
    name: &str,
    place: &Place<'d>,
) -> Option<TaskId> {
    if tasks.is_full() {
        // Once is enough; the tasks after it are not read.
        let message = format!("the document has more than {} tasks", limits::TASKS);
        reader.report_once(place, ProblemCode::Limit, message);
        return None;
    }
    let mut object = reader.object(place)?;
    let condition = object.take("if").and_then(|place| reader.expression(&place, Stage::TaskInput));
    let input_from = transformation(reader, &mut object, "input", "from", Stage::TaskInput);
    let output_as = transformation(reader, &mut object, "output", "as", Stage::TaskBody);
    let export_as = transformation(reader, &mut object, "export", "as", Stage::TaskExport);
    let then = object.take("then").and_then(|place| scope.read_flow(reader, &place));
    object.take("metadata").map(|place| reader.object(&place));
    object.refuse(reader, &["timeout"]);
    let kind = read_kind(reader, tasks, scope, &mut object, place);
    let types = SUPPORTED.iter().chain(UNSUPPORTED.iter().map(|(key, _)| key));
    for place in types.filter_map(|key| object.take(key)) {
        reader.report(&place, ProblemCode::Invalid, "a task does one thing; this is another one");
    }
    object.finish(reader);
    let then = then.unwrap_or(Flow::Continue);
    let (name, reference) = (name.to_owned(), place.path.clone());
    Some(tasks.add(Task {
        name,
        reference,
        list,
        index,
        condition,
        input_from,
        output_as,
        export_as,
        then,
        kind: kind?,
    }))
}

fn transformation<'d>(
    reader: &mut Reader<'d>,
    object: &mut Object<'d>,
    key: &str,
    within: &str,
    stage: Stage,
) -> Option<Template> {
    object.take(key).and_then(|place| read_transformation(reader, &place, within, stage))
}

fn read_kind<'d>(
    reader: &mut Reader<'d>,
    tasks: &mut Tasks,
    scope: &Scope<'_>,
    object: &mut Object<'d>,
    place: &Place<'d>,
) -> Option<Kind> {
    for (key, others) in UNSUPPORTED {
        if object.has(key) {
            object.refuse(reader, &[key]);
            others.iter().for_each(|other| drop(object.take(other)));
            return None;
        }
    }
    let Some(key) = SUPPORTED.iter().find(|key| object.has(key)) else {
        let message = format!("expected a property that says what the task does: {}", SUPPORTED.join(", "));
        reader.report(place, ProblemCode::Missing, message);
        return None;
    };
    let value = object.take(key)?;
    match *key {
        "call" => read_call(reader, object, &value),
        "do" => read_list(reader, tasks, &value).map(Kind::Do),
        "set" => set::Set::read(reader, &value).map(Kind::Set),
        "switch" => switch::Switch::read(reader, scope, &value).map(Kind::Switch),
        _ => wait::Wait::read(reader, &value).map(Kind::Wait),
    }
}

fn read_call<'d>(reader: &mut Reader<'d>, object: &mut Object<'d>, place: &Place<'d>) -> Option<Kind> {
    match &place.node.content {
        Content::String(name) if name == "http" => {
            let with = object.require(reader, "with")?;
            call_http::CallHttp::read(reader, &with).map(|call| Kind::CallHttp(Box::new(call)))
        }
        _ => {
            object.take("with");
            let name = reader.string(place)?;
            reader.unsupported(place, format!("the call `{name}` is not supported yet; `http` is"))
        }
    }
}
