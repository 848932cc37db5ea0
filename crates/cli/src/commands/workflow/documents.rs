//! The definitions that arguments name: files, standard input, and what is in folders; each may hold several.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    commands::workflow::definition::Definition,
    failure::Failure,
    input::{read_text, shown_name},
    output::note,
};

/// What of a folder is taken for definitions.
const EXTENSIONS: &[&str] = &["yaml", "yml", "json"];

/// Definitions, in the order of the arguments and, within a folder, of the names of its files.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) definitions: Vec<Definition>,
    /// Whether one was asked for, and not a list that happens to have one.
    pub(super) is_one: bool,
}

impl Documents {
    /// Reads all of them.
    pub(super) fn read(arguments: &[String]) -> Result<Self, Failure> {
        let mut definitions = Vec::new();
        let mut is_one = arguments.len() == 1;
        for argument in arguments {
            let before = definitions.len();
            if argument != "-" && Path::new(argument).is_dir() {
                is_one = false;
                for file in files_below(Path::new(argument))? {
                    definitions.extend(read(&file)?.into_iter().filter(is_a_definition));
                }
            } else {
                definitions.extend(read(Path::new(argument))?);
            }
            if definitions.len() == before {
                return Err(nothing_in(argument));
            }
        }
        is_one &= definitions.len() == 1;
        Ok(Self { definitions, is_one })
    }

    /// Makes sure that no two have the same name.
    pub(super) fn check_names(&self) -> Result<(), Failure> {
        let mut places = HashMap::new();
        for definition in &self.definitions {
            let Some(name) = &definition.name else { continue };
            if let Some(first) = places.insert(name, &definition.place) {
                let message = format!("{name} is defined twice: {first} and {}", definition.place);
                return Err(Failure::invalid(message));
            }
        }
        Ok(())
    }
}

/// Other files of a folder are nobody's business: what is in them is neither sent nor shown.
fn is_a_definition(definition: &Definition) -> bool {
    if definition.is_something_else {
        note(&format!("left out {}: it is no definition", definition.place));
    }
    !definition.is_something_else
}

fn nothing_in(argument: &str) -> Failure {
    let failure = Failure::invalid(format!("there is no definition in {}", shown_name(argument)));
    if Path::new(argument).is_dir() {
        return failure
            .with_hint(format!("in a folder, definitions are files named *.{}", EXTENSIONS.join(", *.")));
    }
    failure.with_hint("`tenantry workflow init` writes one to begin with")
}

/// The files below a folder that may hold definitions, by name. What is hidden is left out, and so is what a link leads to outside.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let root = folder.canonicalize().map_err(|error| unreadable(folder, &error))?;
    collect(&root, folder, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let (path, name) = (entry.path(), entry.file_name());
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
        if kind.is_dir() {
            collect(root, &path, found)?;
        } else if is_called_a_definition(&path)
            && (kind.is_file() || kind.is_symlink() && stays_inside(root, &path))
        {
            found.push(path);
        }
    }
    Ok(())
}

fn is_called_a_definition(path: &Path) -> bool {
    path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

/// Whether a link leads to a file of the folder.
fn stays_inside(root: &Path, link: &Path) -> bool {
    match link.canonicalize() {
        Ok(target) if target.starts_with(root) => target.is_file(),
        _ => {
            note(&format!("left out {}: it does not lead to a file in the folder", link.display()));
            false
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::invalid(format!("cannot read {}: {error}", path.display()))
}

/// The definitions of one file, or of standard input for `-`.
fn read(path: &Path) -> Result<Vec<Definition>, Failure> {
    let text: Arc<str> = match path.to_str() {
        Some(path) => read_text(path)?,
        None => fs::read_to_string(path).map_err(|error| unreadable(path, &error))?,
    }
    .into();
    let parts = split(&text);
    let is_alone = parts.len() == 1;
    let file = shown_name(&path.to_string_lossy()).to_owned();
    let definition = |part: Part| {
        let place = if is_alone { file.clone() } else { format!("{file}:{}", part.content_line + 1) };
        let part_text = text[part.begin..part.end].to_owned();
        Definition::new(file.clone(), place, Arc::clone(&text), part.first_line, part_text)
    };
    Ok(parts.into_iter().map(definition).collect())
}

/// One document of a stream; lines are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    begin: usize,
    end: usize,
    first_line: usize,
    content_line: usize,
}

/// A document that is not known to be one yet.
#[derive(Default)]
struct Open {
    begin: usize,
    first_line: usize,
    content_line: Option<usize>,
    is_marked: bool,
}

impl Open {
    fn at(begin: usize, first_line: usize) -> Self {
        Self { begin, first_line, ..Self::default() }
    }

    fn close(self, end: usize) -> Option<Part> {
        let Self { begin, first_line, content_line, .. } = self;
        Some(Part { begin, end, first_line, content_line: content_line? })
    }
}

/// The documents of a stream that say something (YAML 1.2.2, section 9.2). Their markers, `---` and `...`, are markers wherever they begin a
/// line: no text inside a document may have them there. So what is between them is found in what is no YAML, too.
fn split(text: &str) -> Vec<Part> {
    let (mut parts, mut open, mut at) = (Vec::new(), Open::default(), 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let end = at + line.len();
        if let Some(rest) = after_marker(line, "---") {
            if open.is_marked || open.content_line.is_some() {
                parts.extend(open.close(at));
                open = Open::at(at, number);
            }
            open.is_marked = true;
            open.content_line = says_something(rest).then_some(number);
        } else if after_marker(line, "...").is_some() {
            parts.extend(open.close(end));
            open = Open::at(end, number + 1);
        } else if says_something(line) && (open.is_marked || !line.starts_with('%')) {
            open.content_line.get_or_insert(number);
        }
        at = end;
    }
    parts.extend(open.close(at));
    parts
}

fn after_marker<'a>(line: &'a str, marker: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(marker)?;
    rest.chars().next().is_none_or(char::is_whitespace).then_some(rest)
}

fn says_something(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_find_the_documents_of_a_stream_and_their_lines() {
        let check = |text: &str, expected: &[(&str, usize)]| {
            let parts = split(text);
            let found: Vec<_> =
                parts.iter().map(|part| (&text[part.begin..part.end], part.content_line)).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("a: 1\n", &[("a: 1\n", 0)]);
        check("---\na: 1\n---\n# two\nb: 2", &[("---\na: 1\n", 1), ("---\n# two\nb: 2", 4)]);
        check("# about\n%YAML 1.2\n---\na: 1\n", &[("# about\n%YAML 1.2\n---\na: 1\n", 3)]);
        check("a: 1\n...\n# between\n...\nb: 2\n", &[("a: 1\n...\n", 0), ("b: 2\n", 4)]);
        check("--- {a: 1}\n--- # nothing\n---\n\n", &[("--- {a: 1}\n", 0)]);
        check("a: 1\r\n---\r\nb: 2\r\n", &[("a: 1\r\n", 0), ("---\r\nb: 2\r\n", 2)]);
        check("a: |\n  ---\n----\nb: ---\n", &[("a: |\n  ---\n----\nb: ---\n", 0)]);
        for nothing in ["", "\n# only\n", "---\n", "---\n...\n---"] {
            check(nothing, &[]);
        }
    }
}
