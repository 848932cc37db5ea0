//! What the parsers of tasks read with: it hands out properties with their places and gathers what is wrong.
//!
//! A parser takes the properties it knows out of an [`Object`] and then calls [`Object::finish`], which reports the rest. It
//! returns `None` when it could not make its part; there is always a problem then.

use crate::{
    Error,
    expression::{self, Evaluator, Expression, Stage},
    limits,
    problem::{Problem, ProblemCode},
    source::{Content, Entry, Node, Position, pointer},
};

/// A value of the document and the JSON Pointer to it.
#[derive(Clone, Debug)]
pub(crate) struct Place<'d> {
    pub(crate) node: &'d Node,
    pub(crate) path: String,
    /// Where its key stands, if it is a property.
    key: Option<Position>,
}

impl<'d> Place<'d> {
    /// The place of the whole document.
    pub(crate) fn root(node: &'d Node) -> Self {
        Self { node, path: String::new(), key: None }
    }

    /// The items of a list, each with its place.
    pub(crate) fn items(&self) -> Option<impl Iterator<Item = Place<'d>> + use<'d>> {
        let Content::Sequence(items) = &self.node.content else { return None };
        let path = self.path.clone();
        let place = move |(index, node): (usize, &'d Node)| Place {
            node,
            path: format!("{path}/{index}"),
            key: None,
        };
        Some(items.iter().enumerate().map(place))
    }

    fn property(&self, entry: &'d Entry) -> Place<'d> {
        Place { node: &entry.value, path: pointer(&self.path, &entry.key), key: Some(entry.position) }
    }
}

/// The properties of an object that nobody has taken yet.
pub(crate) struct Object<'d> {
    place: Place<'d>,
    rest: Vec<&'d Entry>,
}

impl<'d> Object<'d> {
    /// Takes a property, if it is there.
    pub(crate) fn take(&mut self, key: &str) -> Option<Place<'d>> {
        let index = self.rest.iter().position(|entry| entry.key == key)?;
        let entry = self.rest.remove(index);
        Some(self.place.property(entry))
    }

    /// Takes a property that must be there.
    pub(crate) fn require(&mut self, reader: &mut Reader<'d>, key: &str) -> Option<Place<'d>> {
        let taken = self.take(key);
        if taken.is_none() {
            let message = format!("the property `{key}` is required");
            reader.report(&self.place, ProblemCode::Missing, message);
        }
        taken
    }

    /// Takes properties that the specification has and this interpreter has not.
    pub(crate) fn refuse(&mut self, reader: &mut Reader<'d>, keys: &[&str]) {
        for key in keys {
            if let Some(place) = self.take(key) {
                reader.report(&place, ProblemCode::Unsupported, format!("`{key}` is not supported yet"));
            }
        }
    }

    /// Whether a property is still there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.rest.iter().any(|entry| entry.key == key)
    }

    /// Whether nothing is left.
    pub(crate) fn has_nothing(&self) -> bool {
        self.rest.is_empty()
    }

    /// Every property with its name and place, in the order of the document.
    pub(crate) fn into_properties(self) -> Vec<(&'d str, Place<'d>)> {
        let place = self.place;
        self.rest.into_iter().map(|entry| (entry.key.as_str(), place.property(entry))).collect()
    }

    /// Reports every property that was not taken.
    pub(crate) fn finish(self, reader: &mut Reader<'d>) {
        for entry in &self.rest {
            let message = format!("the specification has no property `{}` here", entry.key);
            let place = self.place.property(entry);
            reader.report_at(entry.position, place.path, ProblemCode::UnknownProperty, message);
        }
    }
}

/// Reads the values of one document.
pub(crate) struct Reader<'d> {
    text: Option<&'d str>,
    checker: Option<&'d dyn Evaluator>,
    problems: Vec<Problem>,
    expressions: usize,
    /// What is left of what it may cost to check expressions.
    fuel: u64,
}

impl<'d> Reader<'d> {
    /// A reader of a document with this text, if it came as text. With a checker, expressions must compile.
    pub(crate) fn new(
        text: Option<&'d str>,
        checker: Option<&'d dyn Evaluator>,
        problems: Vec<Problem>,
    ) -> Self {
        Self { text, checker, problems, expressions: 0, fuel: limits::DOCUMENT_FUEL }
    }

    /// What was read, if nothing is wrong.
    pub(crate) fn finish<T>(mut self, result: Option<T>) -> Result<T, Error> {
        match result {
            Some(result) if self.problems.is_empty() => Ok(result),
            _ => {
                self.problems.sort_by_key(|problem| (problem.line, problem.column));
                self.problems.truncate(limits::PROBLEMS);
                Err(Error::Invalid(self.problems))
            }
        }
    }

    /// Notes something wrong.
    pub(crate) fn report(&mut self, place: &Place<'d>, code: ProblemCode, message: impl Into<String>) {
        // A construct is found by its name, a wrong value by itself.
        let position = match (code, place.key) {
            (ProblemCode::Unsupported, Some(key)) => key,
            _ => place.node.position,
        };
        self.report_at(position, place.path.clone(), code, message.into());
    }

    /// Notes something wrong, unless the same was noted before.
    pub(crate) fn report_once(&mut self, place: &Place<'d>, code: ProblemCode, message: String) {
        if !self.problems.iter().any(|problem| problem.code == code && problem.message == message) {
            self.report(place, code, message);
        }
    }

    fn report_at(&mut self, position: Position, path: String, code: ProblemCode, message: String) {
        // Ten times what is shown, so that the first ones can be chosen, and no more memory than that.
        if self.problems.len() < 10 * limits::PROBLEMS {
            self.problems.push(Problem { path, line: position.line, column: position.column, code, message });
        }
    }

    /// The properties of an object.
    pub(crate) fn object(&mut self, place: &Place<'d>) -> Option<Object<'d>> {
        match &place.node.content {
            Content::Mapping(entries) => {
                Some(Object { place: place.clone(), rest: entries.iter().collect() })
            }
            _ => self.expected(place, "an object"),
        }
    }

    /// A string.
    pub(crate) fn string(&mut self, place: &Place<'d>) -> Option<&'d str> {
        match &place.node.content {
            Content::String(text) => Some(text),
            Content::Number(_) | Content::Bool(_) => {
                let message = format!("expected a string, not {}; put it in quotes", place.node.kind());
                self.invalid(place, message)
            }
            _ => self.expected(place, "a string"),
        }
    }

    /// A boolean.
    pub(crate) fn boolean(&mut self, place: &Place<'d>) -> Option<bool> {
        match place.node.content {
            Content::Bool(value) => Some(value),
            _ => self.expected(place, "true or false"),
        }
    }

    /// A string for which `rule` holds; `expected` says in words what it is.
    pub(crate) fn text(
        &mut self,
        place: &Place<'d>,
        rule: fn(&str) -> bool,
        expected: &str,
    ) -> Option<&'d str> {
        let text = self.string(place)?;
        if rule(text) {
            return Some(text);
        }
        self.invalid(place, format!("expected {expected}"))
    }

    /// An expression, with or without `${ }`.
    pub(crate) fn expression(&mut self, place: &Place<'d>, stage: Stage) -> Option<Expression> {
        let text = self.string(place)?;
        self.compile(place, text, stage)
    }

    /// Checks an expression whose text stands in a value of the document.
    pub(crate) fn compile(&mut self, place: &Place<'d>, text: &str, stage: Stage) -> Option<Expression> {
        self.expressions += 1;
        if self.expressions > limits::EXPRESSIONS {
            if self.expressions == limits::EXPRESSIONS + 1 {
                let message = format!("the document has more than {} expressions", limits::EXPRESSIONS);
                self.report(place, ProblemCode::Limit, message);
            }
            return None;
        }
        let expression = Expression::parse(text, stage.variables()).and_then(|expression| {
            self.checker.map_or(Ok(()), |checker| checker.check(&expression, &mut self.fuel))?;
            Ok(expression)
        });
        if expression.is_err() && self.fuel == 0 {
            let message = "the document's expressions take too many steps to compile".to_owned();
            self.report_once(place, ProblemCode::Limit, message);
            return None;
        }
        expression.map_err(|error| self.report_expression(place, text, &error)).ok()
    }

    fn report_expression(&mut self, place: &Place<'d>, text: &str, error: &expression::Error) {
        let mut position = place.node.position;
        let leading = Expression::inner(text).1;
        if let Some(columns) =
            error.offset.and_then(|offset| self.columns_to(place.node, text, leading + offset))
        {
            position.column += columns;
        }
        self.report_at(position, place.path.clone(), ProblemCode::Expression, error.message.clone());
    }

    /// How many columns after the beginning of its node the byte at `offset` of a text stands, if it stands on the same line
    /// just as it is written.
    fn columns_to(&self, node: &Node, text: &str, offset: usize) -> Option<usize> {
        let line = self.text?.lines().nth(node.position.line.checked_sub(1)?)?;
        let written: String = line.chars().skip(node.position.column - 1).collect();
        let before = text.get(..offset)?;
        let quote = usize::from(written.starts_with(['"', '\'']));
        written[quote..].starts_with(before).then(|| quote + before.chars().count())
    }

    /// Reports that something else was expected.
    pub(crate) fn expected<T>(&mut self, place: &Place<'d>, expected: &str) -> Option<T> {
        self.invalid(place, format!("expected {expected}, not {}", place.node.kind()))
    }

    /// Reports a value that its place does not allow.
    pub(crate) fn invalid<T>(&mut self, place: &Place<'d>, message: impl Into<String>) -> Option<T> {
        self.report(place, ProblemCode::Invalid, message);
        None
    }

    /// Reports something of the specification that is not supported.
    pub(crate) fn unsupported<T>(&mut self, place: &Place<'d>, message: impl Into<String>) -> Option<T> {
        self.report(place, ProblemCode::Unsupported, message);
        None
    }
}
