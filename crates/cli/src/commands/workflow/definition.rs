//! A definition on the user's side: its text, as good as it is. The server judges it.

use std::path::Path;

use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::Value;
use tenantry_client::{Defect, workflows::Source};

use crate::{
    diagnostic,
    failure::Failure,
    input::{read_text, shown_name},
};

/// The text of a definition, and where it is from.
#[derive(Debug)]
pub(super) struct Definition {
    path: String,
    text: String,
}

impl Definition {
    /// Reads a file, or standard input for `-`.
    pub(super) fn read(path: &str) -> Result<Self, Failure> {
        Ok(Self { path: path.to_owned(), text: read_text(path)? })
    }

    /// The name of its file, in messages.
    pub(super) fn name(&self) -> &str {
        shown_name(&self.path)
    }

    /// Its text as the server wants it: JSON if the file is called so or the text is; else YAML.
    pub(super) fn source(&self) -> Source<'_> {
        let is_called_json = Path::new(&self.path).extension().is_some_and(|extension| extension == "json");
        if is_called_json || serde_json::from_str::<Value>(&self.text).is_ok() {
            return Source::Json(&self.text);
        }
        Source::Yaml(&self.text)
    }

    /// Its `document.name`, if it can be read (JSON is YAML, too).
    pub(super) fn document_name(&self) -> Option<String> {
        let documents = Yaml::load_from_str(&self.text).ok()?;
        let name = documents.first()?.as_mapping_get("document")?.as_mapping_get("name")?.as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// The failure that shows each defect at its place.
    pub(super) fn failure(&self, defects: &[Defect]) -> Failure {
        let message = match defects.len() {
            0 => format!("{} has no document.name", self.name()),
            1 => format!("{} has a problem", self.name()),
            count => format!("{} has {count} problems", self.name()),
        };
        let details = defects.iter().map(|defect| diagnostic::render(self.name(), &self.text, defect));
        Failure::invalid(message).with_details(details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(path: &str, text: &str) -> Definition {
        Definition { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn should_find_the_name_in_yaml_and_json() {
        let check = |text, name: Option<&str>| {
            assert_eq!(definition("-", text).document_name().as_deref(), name, "{text}");
        };
        check("document:\n  name: quote\n", Some("quote"));
        check("{\"document\": {\"name\": \"quote\"}}", Some("quote"));
        for nameless in
            ["", "[]", "document:\n", "document:\n  name: [a]\n", "document: {name: 3}", "a: b: c", "\t: ["]
        {
            check(nameless, None);
        }
    }

    #[test]
    fn should_tell_json_from_yaml() {
        let check =
            |path, text, media_type| assert_eq!(definition(path, text).source().content_type(), media_type);
        check("a.yaml", "a: b", "application/yaml");
        check("-", "a: b", "application/yaml");
        check("-", "{\"a\": 1}", "application/json");
        check("a.json", "{\"a\": ", "application/json");
    }
}
