//! A definition on the user's side: its text, as good as it is. The server judges it.

use std::{path::Path, sync::Arc};

use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::{Value, json};
use tenantry_client::{Defect, workflows::Source};

use crate::diagnostic;

/// The text of a definition, and where it is from.
#[derive(Debug)]
pub(super) struct Definition {
    /// The file, in messages.
    pub(super) file: String,
    /// The file, and the line where there are several definitions in it.
    pub(super) place: String,
    /// All that is in the file.
    pub(super) file_text: Arc<str>,
    /// How many lines of the file come before the text.
    pub(super) skipped_lines: usize,
    /// The text itself.
    pub(super) text: String,
}

impl Definition {
    /// Where it is, in messages.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Its text as the server wants it: JSON if the file is called so or the text is; else YAML.
    pub(super) fn source(&self) -> Source<'_> {
        let is_called_json = Path::new(&self.file).extension().is_some_and(|extension| extension == "json");
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

    /// Whether it can be read and is something else: nobody who wrote a definition left out both what it is and what it does.
    pub(super) fn is_something_else(&self) -> bool {
        let documents = Yaml::load_from_str(&self.text).unwrap_or_default();
        let of_definitions =
            |document: &Yaml<'_>| ["document", "do"].iter().any(|key| document.as_mapping_get(key).is_some());
        documents.first().is_some_and(|document| !of_definitions(document))
    }

    /// A defect of the text as one of the file.
    fn located(&self, defect: &Defect) -> Defect {
        let mut located = defect.clone();
        located.line = defect.line.filter(|line| *line > 0).map(|line| line + self.skipped_lines);
        located
    }

    /// The defect at its place, for people.
    pub(super) fn diagnostic(&self, defect: &Defect) -> String {
        diagnostic::render(&self.file, &self.file_text, &self.located(defect))
    }

    /// The same for programs: as the API tells it, at its line of the file.
    pub(super) fn report(&self, defect: &Defect) -> Value {
        let Defect { path, line, column, code, message, .. } = self.located(defect);
        json!({ "file": self.file, "path": path, "line": line, "column": column, "code": code, "message": message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(path: &str, text: &str) -> Definition {
        let (file, place) = (path.to_owned(), path.to_owned());
        Definition { file, place, file_text: text.into(), skipped_lines: 0, text: text.to_owned() }
    }

    #[test]
    fn should_find_the_name_in_yaml_and_json() {
        let check = |text, name: Option<&str>| {
            assert_eq!(definition("-", text).document_name().as_deref(), name, "{text}");
        };
        check("document:\n  name: quote\n", Some("quote"));
        check("---\ndocument:\n  name: quote\n", Some("quote"));
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
