//! An organization as files, to be kept in git: what people decide about it, and nothing that changes by itself.
//!
//! ```text
//! tenantry.yaml                 format: 1
//! quotas.yaml                   what it may have, by the names of the quotas
//! users.yaml                    a list: people by their addresses, then service accounts by their names
//! workflows/quote.yaml          the latest revision of the workflow quote
//! schedules/quote-1c9a0f24.yaml a schedule of it; people may call the file otherwise
//! ```
//!
//! What `docs/adr/0017-an-organization-as-files.md` says about identity is done in [`pairing`].
//!
//! To add a kind of thing: a module that reads it out of a [`Page`] as a [`Thing`], a field of [`Contents`] and of
//! [`state::State`], and its steps in `commands/import`.

pub(crate) mod page;
pub(crate) mod pairing;
pub(crate) mod state;
pub(crate) mod write;

mod quotas;
mod schedules;
mod users;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use serde_json::{Map, Value};
use tenantry_domain::WorkflowName;
use tenantry_dsl::source::{Bounds, Content, Node};

pub(crate) use self::page::Page;
use crate::{failure::Failure, output::one_line};

/// The file that makes a folder one of an organization, and says how to read it.
pub(crate) const MARKER: &str = "tenantry.yaml";
/// What it says, as long as the files are what they are now.
pub(crate) const FORMAT: u64 = 1;
pub(crate) const QUOTAS: &str = "quotas.yaml";
pub(crate) const USERS: &str = "users.yaml";
pub(crate) const WORKFLOWS: &str = "workflows";
pub(crate) const SCHEDULES: &str = "schedules";

/// Endings of files that hold a thing; others in the same folder are none of ours.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// The largest file that is read: far more than the API takes.
const LARGEST: Bounds = Bounds { bytes: 64 << 20, depth: 120, nodes: 5_000_000 };

/// A user, a schedule or the quotas: the fields that people decide on, by their names in the API.
pub(crate) type Thing = Map<String, Value>;

/// A thing in a file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What the file says.
    pub(crate) thing: Thing,
    /// The file's path in the folder.
    pub(crate) file: String,
    /// Which one it is meant to be, if somebody has written that down.
    pub(crate) id: Option<String>,
}

/// A definition in a file.
#[derive(Clone, Debug)]
pub(crate) struct WorkflowFile {
    /// The workflow's name.
    pub(crate) name: String,
    /// The file's path in the folder.
    pub(crate) file: String,
    /// The definition.
    pub(crate) text: String,
    /// What the definition says, if that can be read: whether it is right, the server says.
    pub(crate) definition: Option<Value>,
}

/// What a folder says about an organization. Of what it has no file or folder, it says nothing.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) quotas: Option<Thing>,
    pub(crate) users: Option<Vec<Entry>>,
    pub(crate) workflows: Option<Vec<WorkflowFile>>,
    pub(crate) schedules: Option<Vec<Entry>>,
}

/// Reads a folder.
///
/// # Errors
/// With everything that is wrong in it, each with its place.
pub(crate) fn read(folder: &Path) -> Result<Contents, Failure> {
    let mut reader = Reader { folder, faults: Vec::new() };
    let contents = reader.contents();
    let Reader { faults, .. } = reader;
    let message = match faults.len() {
        0 => return Ok(contents),
        1 => format!("{} has a problem", folder.display()),
        count => format!("{} has {count} problems", folder.display()),
    };
    Err(Failure::invalid(message).with_details(faults))
}

/// Whether the folder is one of an organization.
pub(crate) fn is_marked(folder: &Path) -> bool {
    folder.join(MARKER).is_file()
}

struct Reader<'f> {
    folder: &'f Path,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn contents(&mut self) -> Contents {
        let Some(names) = self.names("") else { return Contents::default() };
        if !names.contains(MARKER) {
            let message = format!(
                "there is no {MARKER}, so this is no folder of an organization; an export writes one"
            );
            self.fault("", &message);
            return Contents::default();
        }
        self.page(MARKER, check_format);
        let known = [MARKER, QUOTAS, USERS];
        for name in names.iter().filter(|name| is_thing(name) && !known.contains(&name.as_str())) {
            self.fault(
                name,
                &format!("is none of {}; {WORKFLOWS} and {SCHEDULES} are folders", known.join(", ")),
            );
        }
        Contents {
            quotas: names.contains(QUOTAS).then(|| self.page(QUOTAS, quotas::read)).flatten(),
            users: names.contains(USERS).then(|| self.page(USERS, users::read)).flatten(),
            workflows: names.contains(WORKFLOWS).then(|| self.workflows()),
            schedules: names.contains(SCHEDULES).then(|| self.each(SCHEDULES, schedules::read)),
        }
    }

    fn workflows(&mut self) -> Vec<WorkflowFile> {
        let files = self.each(WORKFLOWS, workflow);
        let mut names = BTreeSet::new();
        for file in &files {
            if !names.insert(&file.name) {
                self.fault(&file.file, &format!("is a second file of the workflow {}", file.name));
            }
        }
        files
    }

    /// What each file of a folder in the folder says.
    fn each<T>(&mut self, below: &str, read: impl Fn(&mut Page) -> Option<T>) -> Vec<T> {
        let names = self.names(below).unwrap_or_default();
        let files = names.iter().filter(|name| is_thing(name));
        files.filter_map(|name| self.page(&format!("{below}/{name}"), &read)).collect()
    }

    fn page<T>(&mut self, file: &str, read: impl FnOnce(&mut Page) -> Option<T>) -> Option<T> {
        let text = match read_file(&self.path(file)) {
            Ok(text) => text,
            Err(why) => {
                self.fault(file, &why);
                return None;
            }
        };
        let shown = self.path(file).display().to_string();
        let mut page = Page::new(file.to_owned(), shown, text);
        let said = read(&mut page);
        let faults = page.finish();
        let is_good = faults.is_empty();
        self.faults.extend(faults);
        said.filter(|_| is_good)
    }

    /// The names in the folder, or in one that is in it.
    fn names(&mut self, below: &str) -> Option<BTreeSet<String>> {
        let path = self.path(below);
        let list = || -> io::Result<BTreeSet<String>> {
            if fs::symlink_metadata(&path)?.is_symlink() && !below.is_empty() {
                return Err(io::Error::other(
                    "it is a symbolic link, and files are taken from this folder alone",
                ));
            }
            fs::read_dir(&path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        };
        list().map_err(|error| self.fault(below, &format!("cannot be read: {error}"))).ok()
    }

    fn path(&self, file: &str) -> PathBuf {
        if file.is_empty() { self.folder.to_owned() } else { self.folder.join(file) }
    }

    fn fault(&mut self, file: &str, message: &str) {
        self.faults.push(one_line(&format!("{}: {message}", self.path(file).display())));
    }
}

/// Reads a file of the folder. A link could name any file of the user's, whose lines would then stand in an error. The open file is asked
/// what it is, so it cannot be exchanged between the question and the reading.
fn read_file(path: &Path) -> Result<String, String> {
    const OTHER: &str = "is no file; links are not followed";
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    // A pipe would be waited for.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        Errno::LOOP => OTHER.to_owned(),
        error => unreadable(error.into()),
    })?;
    let file = File::from(file);
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(OTHER.to_owned());
    }
    let mut text = String::new();
    let length = file.take(LARGEST.bytes as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if length > LARGEST.bytes {
        return Err(format!("has more than {} bytes", LARGEST.bytes));
    }
    Ok(text)
}

fn is_thing(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, ending)| !stem.is_empty() && ENDINGS.contains(&ending))
}

/// A file's name without its folder and its ending.
fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn check_format(page: &mut Page) -> Option<()> {
    let root = page.root(LARGEST)?;
    let object = page.object(&root, &["format"])?;
    let format = page.required(&object, "format")?;
    if format.to_value() == FORMAT {
        return Some(());
    }
    page.fault(
        format.position,
        format!("the format must be {FORMAT}, the one that this version of the command reads"),
    );
    None
}

/// The name is that of the file. What else is wrong with a definition, the server says.
fn workflow(page: &mut Page) -> Option<WorkflowFile> {
    let name = stem(&page.file).to_owned();
    if let Err(invalid) = WorkflowName::parse(&name) {
        page.fault_of_file(&format!("must be called as the workflow, whose name {}", invalid.message));
        return None;
    }
    let node = tenantry_dsl::source::read(&page.text, Bounds::DOCUMENT).ok();
    let node = node.and_then(|(node, problems)| problems.is_empty().then_some(node));
    if let Some(node) = node.as_ref().and_then(document_name) {
        match &node.content {
            Content::String(named) if *named != name => {
                page.fault(node.position, format!("document.name must be {name}, as the file is called"));
            }
            _ => {}
        }
    }
    let definition = node.as_ref().map(Node::to_value);
    Some(WorkflowFile { name, file: page.file.clone(), text: page.text.clone(), definition })
}

fn document_name(node: &Node) -> Option<&Node> {
    member(member(node, "document")?, "name")
}

fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Content::Mapping(entries) = &node.content else { return None };
    entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
}
