//! What programs can call: jq's library, of which each program gets what it may need.
//!
//! The library is many times as long as most programs, and would be compiled anew with each of them.

use std::{cell::Cell, collections::BTreeMap, mem};

use jaq_core::{Native, data::JustLut, load::parse, native};
use jaq_json::Val;

/// What jq has and a workflow may not use: it would show the server or differ from one replay to the next.
const WITHHELD: &[(&str, &str)] = &[
    ("env", "it would show the server's environment"),
    ("now", "it would differ on each replay; use $task.startedAt or $workflow.startedAt"),
    ("localtime", "it depends on where the server stands; use gmtime"),
    ("strflocaltime", "it depends on where the server stands; use strftime"),
    ("input", "there is one input, `.`"),
    ("inputs", "there is one input, `.`"),
    ("debug", "nobody would see its output"),
    ("debug_empty", "nobody would see its output"),
    ("stderr", "nobody would see its output"),
    ("stderr_empty", "nobody would see its output"),
    ("halt", "an expression cannot end the process; use `error`"),
    ("halt_error", "an expression cannot end the process; use `error`"),
    ("input_filename", "there is no file"),
    ("input_line_number", "there is no file"),
    ("get_search_list", "there are no modules"),
];

/// What programs run with beside their values: nothing.
pub(crate) type Data = JustLut<Val>;

/// A function that is written in jq.
pub(crate) type Definition = parse::Def<&'static str>;

/// A function that is written in Rust.
pub(crate) type Function = native::Filter<Native<Data>>;

thread_local! {
    /// The library as [`prepare`] left it, for the one program that comes next.
    static LIBRARY: Cell<Option<Library>> = const { Cell::new(None) };
}

/// Reads the library.
pub(crate) fn prepare() {
    LIBRARY.set(Some(Library::new()));
}

/// Why a function that jq has is not there.
pub(crate) fn withheld(name: &str) -> Option<&'static str> {
    WITHHELD.iter().find(|(withheld, _)| *withheld == name).map(|(_, reason)| *reason)
}

/// What a program of this text may call, and what that may call, in the library's order.
pub(crate) fn needed(text: &str) -> (Vec<Definition>, Vec<Function>) {
    LIBRARY.take().unwrap_or_else(Library::new).into_needed(text)
}

struct Library {
    definitions: Vec<Option<Definition>>,
    functions: Vec<Option<Function>>,
    /// For each name of a definition or a function, everything that calling it takes.
    needs: BTreeMap<&'static str, Needs>,
}

/// Positions of definitions and of functions, in their order.
#[derive(Default)]
struct Needs {
    definitions: Vec<usize>,
    functions: Vec<usize>,
}

impl Library {
    fn new() -> Self {
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let definitions: Vec<_> = definitions.filter(|known| withheld(known.name).is_none()).collect();
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let functions: Vec<_> = functions.filter(|(name, _, _)| withheld(name).is_none()).collect();
        let needs = needs(&definitions, &functions);
        Self {
            definitions: definitions.into_iter().map(Some).collect(),
            functions: functions.into_iter().map(Some).collect(),
            needs,
        }
    }

    fn into_needed(mut self, text: &str) -> (Vec<Definition>, Vec<Function>) {
        let mut needs = Needs::default();
        for called in words(text).filter_map(|word| self.needs.get(word)) {
            needs.add(called);
        }
        let definitions = needs.definitions.iter().filter_map(|&at| self.definitions[at].take()).collect();
        let functions = needs.functions.iter().filter_map(|&at| self.functions[at].take()).collect();
        // To tidy up the rest would take longer than most programs.
        mem::forget(self);
        (definitions, functions)
    }
}

fn needs(definitions: &[Definition], functions: &[Function]) -> BTreeMap<&'static str, Needs> {
    let mut needs = BTreeMap::<_, Needs>::new();
    for (position, (name, _, _)) in functions.iter().enumerate() {
        needs.entry(*name).or_default().functions.push(position);
    }
    // A definition calls itself and what was defined before it, all of whose needs are known by now.
    for (position, definition) in definitions.iter().enumerate() {
        let mut own = Needs { definitions: vec![position], functions: Vec::new() };
        for called in words(&format!("{definition:?}")).filter_map(|word| needs.get(word)) {
            own.add(called);
        }
        needs.entry(definition.name).or_default().add(&own);
    }
    needs
}

impl Needs {
    fn add(&mut self, other: &Self) {
        merge(&mut self.definitions, &other.definitions);
        merge(&mut self.functions, &other.functions);
    }
}

fn merge(positions: &mut Vec<usize>, others: &[usize]) {
    positions.extend_from_slice(others);
    positions.sort_unstable();
    positions.dedup();
}

/// Everything in a text that may be a function's name; also what is not, which costs a little and changes nothing.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == '@'))
}
