//! Definitions: documents that were found valid.

use std::{fmt::Write, sync::Arc};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    Error,
    document::{self, Document},
    expression::Evaluator,
    reader::{Place, Reader},
    source::{self, Bounds, Node},
};

/// A valid definition. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Definition(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    json: Value,
    document: Document,
}

impl Definition {
    /// Reads a definition from YAML 1.2 (core schema) or JSON text. The evaluator says whether its expressions compile.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the text is neither; [`Error::Invalid`] with everything that is wrong with it, expressions that do
    /// not compile included.
    pub fn parse(source: &str, evaluator: &dyn Evaluator) -> Result<Self, Error> {
        let (node, problems) = source::read(source, Bounds::DOCUMENT)?;
        let document = read(&node, Reader::new(Some(source), Some(evaluator), problems))?;
        Ok(Self(Arc::new(Inner { json: node.to_value(), document })))
    }

    /// Reads a definition from what [`json`](Self::json) gave.
    ///
    /// Whether expressions compile was found at upload and is not checked again; one that does not is an error when it is
    /// evaluated.
    ///
    /// # Errors
    /// [`Error::Invalid`] with everything that is wrong with it; line and column are 0.
    pub fn from_value(value: Value) -> Result<Self, Error> {
        let node = source::from_value(&value)?;
        let document = read(&node, Reader::new(None, None, Vec::new()))?;
        Ok(Self(Arc::new(Inner { json: value, document })))
    }

    /// `document.name`.
    pub fn name(&self) -> &str {
        &self.0.document.name
    }

    /// `document.version`.
    pub fn version(&self) -> &str {
        &self.0.document.version
    }

    /// `document.namespace`.
    pub fn namespace(&self) -> &str {
        &self.0.document.namespace
    }

    /// The whole document, with nothing lost but comments and formatting.
    pub fn json(&self) -> &Value {
        &self.0.json
    }

    /// SHA-256 in hexadecimal over the document as JSON without white space, the keys of each object sorted by their bytes. Neither
    /// formatting nor the order of keys changes it.
    pub fn digest(&self) -> String {
        let mut canonical = String::new();
        write_canonical(self.json(), &mut canonical);
        Sha256::digest(canonical.as_bytes()).iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    pub(crate) fn document(&self) -> &Document {
        &self.0.document
    }
}

fn read<'d>(node: &'d Node, mut reader: Reader<'d>) -> Result<Document, Error> {
    let document = document::read(&mut reader, &Place::root(node));
    reader.finish(document)
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => write_list(text, ('[', ']'), items, write_canonical),
        Value::Object(properties) => {
            let mut properties: Vec<_> = properties.iter().collect();
            properties.sort_unstable_by_key(|(key, _)| *key);
            write_list(text, ('{', '}'), &properties, |(key, value), text| {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
            });
        }
        simple => text.push_str(&simple.to_string()),
    }
}

fn write_list<T>(
    text: &mut String,
    (open, close): (char, char),
    items: &[T],
    write: impl Fn(&T, &mut String),
) {
    text.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(item, text);
    }
    text.push(close);
}
