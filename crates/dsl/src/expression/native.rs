//! jaq in this process.

use std::{
    collections::HashMap,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jaq_core::{
    Compiler, Ctx, Vars, compile, data,
    load::{self, Arena, File, Loader, parse::Def},
    unwrap_valr,
};
use jaq_json::Val;
use serde_json::Value;

use super::{Arguments, Error, Evaluator, Expression, convert};

/// Programs kept compiled. Each carries a copy of the library with it.
const CACHED_PROGRAMS: usize = 256;

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

type Program = jaq_core::Filter<data::JustLut<Val>>;

static LIBRARY: LazyLock<Vec<Def<&'static str>>> = LazyLock::new(|| {
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    definitions.filter(|definition| !is_withheld(definition.name)).collect()
});

fn is_withheld(name: &str) -> bool {
    WITHHELD.iter().any(|(withheld, _)| *withheld == name)
}

/// Evaluates expressions with jaq, in this process.
///
/// It has **no bound on time, stack or memory**: `def f: f; f` runs for ever, `[range(1; infinite)]` takes all memory, and
/// `def f: 1 + f; f` ends the process. It is for trusted definitions and for checking that expressions compile, which is
/// bounded. For definitions of tenants, the step "bounded expressions" (jaq compiled to WebAssembly, with fuel and a memory
/// limit) puts another [`Evaluator`] in its place.
///
/// The environment, the clock, files and the process are out of reach: the functions for them do not exist.
#[derive(Default)]
pub struct Native {
    programs: Mutex<HashMap<Expression, Arc<Program>>>,
}

impl Native {
    /// An evaluator with no programs compiled yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn program(&self, expression: &Expression) -> Result<Arc<Program>, Error> {
        let programs = || self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = programs().get(expression) {
            return Ok(Arc::clone(program));
        }
        let program = Arc::new(compile(expression)?);
        let mut programs = programs();
        // Starting over is the whole policy: a node that runs more programs than this compiles some of them again.
        if programs.len() >= CACHED_PROGRAMS {
            programs.clear();
        }
        programs.insert(expression.clone(), Arc::clone(&program));
        Ok(program)
    }
}

impl std::fmt::Debug for Native {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Native").finish_non_exhaustive()
    }
}

impl Evaluator for Native {
    fn evaluate(
        &self,
        expression: &Expression,
        input: &Value,
        arguments: &Arguments,
    ) -> Result<Value, Error> {
        let program = self.program(expression)?;
        // jaq is meant not to panic; if it does all the same, that is the expression's failure and not the process's.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| run(&program, expression, input, arguments)));
        outcome.unwrap_or_else(|_| Err(Error::new("the expression failed in the evaluator itself")))
    }

    fn check(&self, expression: &Expression) -> Result<(), Error> {
        compile(expression).map(drop)
    }
}

fn run(
    program: &Program,
    expression: &Expression,
    input: &Value,
    arguments: &Arguments,
) -> Result<Value, Error> {
    let variable = |name: &String| arguments.get(name).map_or(Val::Null, convert::to_jaq);
    let variables = Vars::new(expression.variables().iter().map(variable));
    let context = Ctx::<data::JustLut<Val>>::new(&program.lut, variables);
    let mut values = program.id.run((context, convert::to_jaq(input))).map(unwrap_valr);
    let value = values.next().ok_or_else(|| Error::new("the expression gives no value"))?;
    let value = value.map_err(|error| Error::new(error.to_string()))?;
    if values.next().is_some() {
        return Err(Error::new("the expression gives more than one value; put it in brackets for a list"));
    }
    convert::from_jaq(&value)
}

fn compile(expression: &Expression) -> Result<Program, Error> {
    let text = expression.text();
    let arena = Arena::default();
    let loaded = Loader::new(LIBRARY.iter().cloned()).load(&arena, File { code: text, path: () });
    let modules = loaded.map_err(|errors| syntax_error(text, errors))?;
    load::import(&modules, |_| Err("modules and files cannot be imported".to_owned()))
        .map_err(|errors| syntax_error(text, errors))?;
    let variables: Vec<String> = expression.variables().iter().map(|name| format!("${name}")).collect();
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    Compiler::default()
        .with_funs(functions.filter(|(name, _, _)| !is_withheld(name)))
        .with_global_vars(variables.iter().map(String::as_str))
        .compile(modules)
        .map_err(|errors| name_error(text, errors))
}

fn syntax_error(text: &str, errors: load::Errors<&str, ()>) -> Error {
    let error = errors.into_iter().next().map(|(_, error)| error);
    match error {
        Some(load::Error::Lex(errors)) => {
            let first = errors.into_iter().next();
            first.map_or_else(unknown, |(wanted, found)| expected(text, wanted.as_str(), found))
        }
        Some(load::Error::Parse(errors)) => {
            let first = errors.into_iter().next();
            first.map_or_else(unknown, |(wanted, found)| expected(text, wanted.as_str(), found))
        }
        Some(load::Error::Io(errors)) => {
            let first = errors.into_iter().next();
            first.map_or_else(unknown, |(path, message)| Error::at(offset(text, path), message))
        }
        None => unknown(),
    }
}

fn expected(text: &str, wanted: &str, found: &str) -> Error {
    let found_here = match found.chars().next() {
        None => "the end".to_owned(),
        Some(_) => format!("`{}`", found.chars().take(20).collect::<String>()),
    };
    Error::at(offset(text, found), format!("not a jq program: expected {wanted}, found {found_here}"))
}

fn name_error(text: &str, errors: compile::Errors<&str, ()>) -> Error {
    let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
    let Some((name, kind)) = first else { return unknown() };
    let message = match (WITHHELD.iter().find(|(withheld, _)| *withheld == name), &kind) {
        (Some((_, reason)), compile::Undefined::Filter(_)) => format!("`{name}` cannot be used: {reason}"),
        (_, compile::Undefined::Filter(arity)) => {
            format!("there is no function `{name}` with {arity} arguments")
        }
        (_, compile::Undefined::Var) => format!("there is no variable `{name}` here"),
        _ => format!("there is no {} `{name}`", kind.as_str()),
    };
    Error::at(offset(text, name), message)
}

/// Where a part of the text begins.
fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len())
}

fn unknown() -> Error {
    Error::new("not a jq program")
}
