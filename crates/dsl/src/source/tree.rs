//! Builds a tree out of the events of a reader, with a stack of its own, within the limits.

use std::collections::HashSet;

use super::{Bounds, Content, Entry, Node, Position, limit, pointer, problem};
use crate::{
    Error, json,
    problem::{Problem, ProblemCode},
};

/// A tree under construction.
pub(crate) struct Tree {
    bounds: Bounds,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    problems: Vec<Problem>,
}

struct Open {
    position: Position,
    collection: Collection,
    nodes_before: usize,
}

enum Collection {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, keys: HashSet<String>, key: Option<(String, Position)> },
}

impl Tree {
    /// One that grows no larger than this.
    pub(crate) fn within(bounds: Bounds) -> Self {
        Self { bounds, open: Vec::new(), root: None, nodes: 0, problems: Vec::new() }
    }

    /// Opens a list.
    pub(crate) fn open_sequence(&mut self, position: Position) -> Result<(), Error> {
        self.open(position, Collection::Sequence(Vec::new()))
    }

    /// Opens a mapping.
    pub(crate) fn open_mapping(&mut self, position: Position) -> Result<(), Error> {
        self.open(position, Collection::Mapping { entries: Vec::new(), keys: HashSet::new(), key: None })
    }

    fn open(&mut self, position: Position, collection: Collection) -> Result<(), Error> {
        if self.wants_key() {
            let message = "a key must be text, not a list or an object";
            return Err(Error::Invalid(vec![problem(self.path(), position, ProblemCode::Invalid, message)]));
        }
        if self.open.len() == self.bounds.depth {
            let message = format!("values are nested deeper than {}", self.bounds.depth);
            return Err(limit(self.path(), position, message));
        }
        self.count(position, 1)?;
        self.open.push(Open { position, collection, nodes_before: self.nodes });
        Ok(())
    }

    /// Closes what was opened last, adds it to what is around it, and gives a copy if `keep` says so, with the number of
    /// nodes in it.
    pub(crate) fn close(&mut self, keep: bool) -> Option<(Node, usize)> {
        let open = self.open.pop()?;
        let content = match open.collection {
            Collection::Sequence(items) => Content::Sequence(items),
            Collection::Mapping { entries, .. } => Content::Mapping(entries),
        };
        let node = Node { position: open.position, content };
        let kept = keep.then(|| (node.clone(), self.nodes - open.nodes_before + 1));
        self.attach(node);
        kept
    }

    /// Whether the next thing is the key of a mapping.
    pub(crate) fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { collection: Collection::Mapping { key: None, .. }, .. }))
    }

    /// Adds the key of the next value.
    pub(crate) fn key(&mut self, text: String, position: Position) {
        if json::is_reserved(&text) {
            self.report(position, json::refusal());
        }
        if let Some(Open { collection: Collection::Mapping { key, .. }, .. }) = self.open.last_mut() {
            *key = Some((text, position));
        }
    }

    /// Adds a value that holds no others.
    pub(crate) fn scalar(&mut self, position: Position, content: Content) -> Result<(), Error> {
        self.count(position, 1)?;
        self.attach(Node { position, content });
        Ok(())
    }

    /// Adds a copy of an earlier value, which has `nodes` nodes.
    pub(crate) fn copy(&mut self, node: &Node, nodes: usize, position: Position) -> Result<(), Error> {
        self.count(position, nodes)?;
        if self.open.len() + height(node) > self.bounds.depth {
            let message = format!("values are nested deeper than {}", self.bounds.depth);
            return Err(limit(self.path(), position, message));
        }
        self.attach(node.clone());
        Ok(())
    }

    /// Notes something wrong with the value that comes next.
    pub(crate) fn report(&mut self, position: Position, message: impl Into<String>) {
        let path = self.path();
        self.problems.push(problem(path, position, ProblemCode::Invalid, message));
    }

    /// The whole tree.
    pub(crate) fn finish(self) -> (Option<Node>, Vec<Problem>) {
        (self.root, self.problems)
    }

    fn count(&mut self, position: Position, nodes: usize) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= self.bounds.nodes {
            return Ok(());
        }
        let message = format!("the document has more than {} values, aliases expanded", self.bounds.nodes);
        Err(limit(self.path(), position, message))
    }

    fn attach(&mut self, node: Node) {
        match self.open.last_mut().map(|open| &mut open.collection) {
            None => self.root = Some(node),
            Some(Collection::Sequence(items)) => items.push(node),
            Some(Collection::Mapping { entries, keys, key }) => {
                let (key, position) = key.take().unwrap_or_default();
                if keys.insert(key.clone()) {
                    entries.push(Entry { key, position, value: node });
                } else {
                    let message = format!("the key {key:?} is there twice");
                    let path = pointer(&self.path(), &key);
                    self.problems.push(problem(path, position, ProblemCode::Invalid, message));
                }
            }
        }
    }

    /// The pointer to the value that comes next.
    fn path(&self) -> String {
        self.open.iter().fold(String::new(), |path, open| match &open.collection {
            Collection::Sequence(items) => pointer(&path, &items.len().to_string()),
            Collection::Mapping { key: Some((key, _)), .. } => pointer(&path, key),
            Collection::Mapping { key: None, .. } => path,
        })
    }
}

fn height(node: &Node) -> usize {
    match &node.content {
        Content::Sequence(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Content::Mapping(entries) => 1 + entries.iter().map(|entry| height(&entry.value)).max().unwrap_or(0),
        _ => 0,
    }
}
