//! Programs: compiled with what they may need of the library, and run.

use jaq_core::{
    Compiler, Ctx, Filter, Vars, compile,
    load::{self, Arena, File, Loader},
    unwrap_valr,
};
use tenantry_sandbox_wire::{Limits, Reader, Writer};

use crate::{
    Error,
    library::{self, Data},
    values,
};

/// A program that can be run.
pub(crate) struct Program {
    limits: Limits,
    variables: usize,
    filter: Filter<Data>,
}

impl Program {
    /// Reads and compiles the program of a request.
    pub(crate) fn read(request: &mut Reader<'_>) -> Result<Self, Error> {
        let limits = request.limits()?;
        let text = request.text()?;
        let variables = (0..request.count()?).map(|_| request.text().map(|name| format!("${name}")));
        let variables = variables.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { limits, variables: variables.len(), filter: compile(text, &variables)? })
    }

    /// Runs the program on the values that follow it in the request.
    pub(crate) fn run(&self, request: &mut Reader<'_>) -> Result<Writer, Error> {
        let variables = (0..self.variables).map(|_| values::read(request)).collect::<Result<Vec<_>, _>>()?;
        let input = values::read(request)?;
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new(variables));
        let mut values = self.filter.id.run((context, input)).map(unwrap_valr);
        let value = values.next().ok_or_else(|| Error::new("the expression gives no value"))?;
        let value = value.map_err(|error| Error::new(error.to_string()))?;
        if values.next().is_some() {
            return Err(Error::new(
                "the expression gives more than one value; put it in brackets for a list",
            ));
        }
        values::write(&value, self.limits)
    }
}

fn compile(text: &str, variables: &[String]) -> Result<Filter<Data>, Error> {
    let (definitions, functions) = library::needed(text);
    let arena = Arena::default();
    let loaded = Loader::new(definitions).load(&arena, File { code: text, path: () });
    let modules = loaded.map_err(|errors| syntax_error(text, errors))?;
    load::import(&modules, |_| Err("modules and files cannot be imported".to_owned()))
        .map_err(|errors| syntax_error(text, errors))?;
    Compiler::default()
        .with_funs(functions)
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
    let message = match (library::withheld(name), &kind) {
        (Some(reason), compile::Undefined::Filter(_)) => format!("`{name}` cannot be used: {reason}"),
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
