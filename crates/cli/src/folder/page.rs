//! One file of a folder, and what is wrong with it, place by place.

use std::{fmt::Display, str::FromStr};

use tenantry_domain::{Invalid, field::UnknownWord};
use tenantry_dsl::source::{self, Bounds, Content, Entry, Node, Position};

use crate::{diagnostic, output::one_line};

/// A file that is being read.
pub(crate) struct Page {
    /// Its path in the folder.
    pub(crate) file: String,
    /// What is in it.
    pub(crate) text: String,
    shown: String,
    faults: Vec<(Position, String)>,
}

/// An object in it whose fields are all known.
pub(crate) struct Object<'n> {
    position: Position,
    entries: &'n [Entry],
}

impl Page {
    /// A file, with the path that messages show.
    pub(crate) fn new(file: String, shown: String, text: String) -> Self {
        Self { file, text, shown, faults: Vec::new() }
    }

    /// Notes what is wrong at a place.
    pub(crate) fn fault(&mut self, at: Position, message: impl Display) {
        self.faults.push((at, message.to_string()));
    }

    /// Notes what is wrong with the file as a whole.
    pub(crate) fn fault_of_file(&mut self, message: &str) {
        self.fault(Position::default(), message);
    }

    /// All that is wrong, in the order of the text, as the lines to print.
    pub(crate) fn finish(self) -> Vec<String> {
        let Self { mut faults, shown, text, .. } = self;
        faults.sort_by_key(|(at, _)| (at.line, at.column));
        let lines = faults.into_iter().map(|(at, message)| match at.line {
            0 => one_line(&format!("{shown}: {message}")),
            line => diagnostic::at(&shown, &text, (line, at.column), &message),
        });
        lines.collect()
    }

    /// What the text stands for, if it is YAML or JSON.
    pub(crate) fn root(&mut self, bounds: Bounds) -> Option<Node> {
        let (node, problems) = match source::read(&self.text, bounds) {
            Ok((node, problems)) => (Some(node), problems),
            Err(error) => (None, error.problems().to_vec()),
        };
        for problem in &problems {
            self.fault(Position { line: problem.line, column: problem.column }, &problem.message);
        }
        node.filter(|_| problems.is_empty())
    }

    /// A list of things.
    pub(crate) fn list<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.content {
            Content::Sequence(items) => Some(items),
            _ => self.wrong(node, "a list"),
        }
    }

    /// An object with these fields and no others.
    pub(crate) fn object<'n>(&mut self, node: &'n Node, known: &[&str]) -> Option<Object<'n>> {
        let Content::Mapping(entries) = &node.content else { return self.wrong(node, "an object") };
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            self.fault(entry.position, format!("{} is none of {}", entry.key, known.join(", ")));
        }
        Some(Object { position: node.position, entries })
    }

    /// A field that must be there.
    pub(crate) fn required<'n>(&mut self, object: &Object<'n>, name: &str) -> Option<&'n Node> {
        let node = object.get(name);
        if node.is_none() {
            self.fault(object.position, format!("{name} is required"));
        }
        node
    }

    /// A text.
    pub(crate) fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.content {
            Content::String(text) => Some(text),
            _ => self.wrong(node, "a text"),
        }
    }

    /// A truth value.
    pub(crate) fn truth(&mut self, node: &Node) -> Option<bool> {
        match &node.content {
            Content::Bool(truth) => Some(*truth),
            _ => self.wrong(node, "true or false"),
        }
    }

    /// A whole number.
    pub(crate) fn whole(&mut self, node: &Node) -> Option<i64> {
        match &node.content {
            Content::Number(number) if number.is_i64() => number.as_i64(),
            _ => self.wrong(node, "a whole number"),
        }
    }

    /// A text that is checked.
    pub(crate) fn parsed<T>(
        &mut self,
        node: &Node,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let parsed = parse(self.text(node)?);
        self.check(node.position, parsed)
    }

    /// A word of a closed set.
    pub(crate) fn word<T: FromStr<Err = UnknownWord>>(
        &mut self,
        node: &Node,
        field: &'static str,
    ) -> Option<T> {
        let word = self.text(node)?.parse();
        self.check(node.position, word.map_err(|unknown: UnknownWord| unknown.of(field)))
    }

    /// A value, or nothing and a note of what is wrong with it.
    pub(crate) fn check<T>(&mut self, at: Position, checked: Result<T, Invalid>) -> Option<T> {
        checked.map_err(|invalid| self.fault(at, invalid)).ok()
    }

    fn wrong<T>(&mut self, node: &Node, expected: &str) -> Option<T> {
        self.fault(node.position, format!("must be {expected}, and is {}", node.kind()));
        None
    }
}

impl<'n> Object<'n> {
    /// A field, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
    }

    /// All of them.
    pub(crate) fn entries(&self) -> &'n [Entry] {
        self.entries
    }
}
