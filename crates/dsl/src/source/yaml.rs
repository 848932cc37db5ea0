//! Reads YAML 1.2.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::{Bounds, Content, Node, Position, Tree, problem, scalar};
use crate::{
    Error,
    problem::{Problem, ProblemCode},
};

/// Reads one YAML document.
pub(super) fn read(text: &str, bounds: Bounds) -> Result<(Node, Vec<Problem>), Error> {
    let mut reader =
        Reader { tree: Tree::within(bounds), documents: 0, open: Vec::new(), anchors: HashMap::new() };
    let mut parser = Parser::<StrInput<'_>>::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| not_yaml(&error))?;
        reader.take(event, position(span.start))?;
    }
    let (root, problems) = reader.tree.finish();
    let nothing = Node { position: Position { line: 1, column: 1 }, content: Content::Null };
    Ok((root.unwrap_or(nothing), problems))
}

struct Reader {
    tree: Tree,
    documents: usize,
    /// The anchors of the collections that are open.
    open: Vec<usize>,
    /// What anchors stand for, each with its number of nodes.
    anchors: HashMap<usize, (Node, usize)>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, position: Position) -> Result<(), Error> {
        match event {
            Event::DocumentStart(_) => self.begin_document(position),
            Event::Scalar(text, style, anchor, tag) => {
                let forced = self.tag(tag.as_deref(), position);
                self.scalar(&text, style != ScalarStyle::Plain || forced, anchor, position)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), position);
                self.open.push(anchor);
                self.tree.open_sequence(position)
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), position);
                self.open.push(anchor);
                self.tree.open_mapping(position)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close();
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, position),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin_document(&mut self, position: Position) -> Result<(), Error> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        Err(malformed(position, "there is a second YAML document; a definition is one"))
    }

    fn scalar(&mut self, text: &str, is_text: bool, anchor: usize, at: Position) -> Result<(), Error> {
        if self.tree.wants_key() {
            self.tree.key(text.to_owned(), at);
            return Ok(());
        }
        let content = if is_text { Ok(Content::String(text.to_owned())) } else { scalar::resolve(text) };
        let content = content.unwrap_or_else(|message| {
            self.tree.report(at, message);
            Content::Null
        });
        if anchor > 0 {
            self.anchors.insert(anchor, (Node { position: at, content: content.clone() }, 1));
        }
        self.tree.scalar(at, content)
    }

    fn close(&mut self) {
        let anchor = self.open.pop().unwrap_or(0);
        if let Some(kept) = self.tree.close(anchor > 0) {
            self.anchors.insert(anchor, kept);
        }
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), Error> {
        let Some((node, nodes)) = self.anchors.get(&anchor) else {
            return Err(malformed(position, "the alias stands inside what it stands for"));
        };
        match &node.content {
            Content::String(text) if self.tree.wants_key() => {
                self.tree.key(text.clone(), position);
                Ok(())
            }
            _ if self.tree.wants_key() => Err(malformed(position, "a key must be text")),
            _ => self.tree.copy(node, *nodes, position),
        }
    }

    /// Whether the tag makes a scalar text. Tags that are not of the core schema mean nothing here.
    fn tag(&mut self, tag: Option<&Tag>, position: Position) -> bool {
        let Some(tag) = tag else { return false };
        if tag.handle == "!" && tag.suffix.is_empty() || tag.handle.is_empty() && tag.suffix == "!" {
            return true;
        }
        let core = ["str", "null", "bool", "int", "float", "seq", "map"];
        if !tag.is_yaml_core_schema() || !core.contains(&tag.suffix.as_str()) {
            self.tree.report(position, format!("the YAML tag {tag} is not known here"));
        }
        tag.is_yaml_core_schema() && tag.suffix == "str"
    }
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

fn not_yaml(error: &ScanError) -> Error {
    malformed(position(*error.marker()), format!("this is neither YAML nor JSON: {}", error.info()))
}

fn malformed(position: Position, message: impl Into<String>) -> Error {
    Error::Malformed(problem(String::new(), position, ProblemCode::Malformed, message))
}
