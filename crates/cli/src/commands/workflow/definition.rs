//! A definition on the user's side: its text, as good as it is. The server judges it.

use std::{path::Path, sync::Arc};

use saphyr::{LoadableYamlNode as _, Yaml};
use serde::de::IgnoredAny;
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
    file_text: Arc<str>,
    /// How many lines of the file come before the text.
    skipped_lines: usize,
    /// The text itself.
    pub(super) text: String,
    /// Whether the server is to read it as JSON: if the file is called so, or it is.
    is_json: bool,
    /// Its `document.name`, if it can be read.
    pub(super) name: Option<String>,
    /// Whether it can be read and is something else: nobody who wrote a definition left out both what it is and what it does.
    pub(super) is_something_else: bool,
}

impl Definition {
    pub(super) fn new(
        file: String,
        place: String,
        file_text: Arc<str>,
        skipped_lines: usize,
        text: String,
    ) -> Self {
        let is_called_json = Path::new(&file).extension().is_some_and(|extension| extension == "json");
        let is_json = is_called_json || serde_json::from_str::<IgnoredAny>(&text).is_ok();
        // JSON is YAML, too.
        let documents = Yaml::load_from_str(&text).unwrap_or_default();
        let member = |name: &str| documents.first()?.as_mapping_get(name);
        let name = member("document").and_then(|document| document.as_mapping_get("name")?.as_str());
        let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        let is_something_else =
            !documents.is_empty() && member("document").is_none() && member("do").is_none();
        drop(documents);
        Self { file, place, file_text, skipped_lines, text, is_json, name, is_something_else }
    }

    /// Its text, as the server is to read it.
    pub(super) fn source(&self) -> Source<'_> {
        if self.is_json { Source::Json(&self.text) } else { Source::Yaml(&self.text) }
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
        Definition::new(path.to_owned(), path.to_owned(), text.into(), 0, text.to_owned())
    }

    #[test]
    fn should_find_the_name_in_yaml_and_json() {
        let check = |text, name: Option<&str>| {
            assert_eq!(definition("-", text).name.as_deref(), name, "{text}");
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
