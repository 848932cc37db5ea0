//! Writing the files: each only if it does not say the same already, so that what people wrote into it stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tenantry_dsl::source::{self, Node};

use super::{
    Contents, Entry, FORMAT, LARGEST, MARKER, QUOTAS, SCHEDULES, Thing, USERS, WORKFLOWS,
    pairing::Pairing,
    state::{Remote, State},
    users,
};
use crate::{
    failure::{Exit, Failure},
    output::as_yaml,
};

/// What was done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Created,
    Updated,
    Unchanged,
    Removed,
}

impl Action {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
        }
    }
}

/// Writes an organization into a folder, of which the contents are known.
pub(crate) fn write(
    folder: &Path,
    before: &Contents,
    state: &State,
) -> Result<BTreeMap<String, Action>, Failure> {
    let mut writer = Writer { folder, done: BTreeMap::new() };
    if !super::is_marked(folder) {
        refuse_others(folder)?;
    }
    writer.folders()?;
    writer.put(MARKER, &json!({ "format": FORMAT }), super::is_marked(folder))?;
    writer.put(QUOTAS, &json!(state.quotas), before.quotas.as_ref() == Some(&state.quotas))?;
    let users = in_order(state.users.iter().map(|user| &user.thing));
    let says =
        before.users.as_ref().is_some_and(|said| in_order(said.iter().map(|user| &user.thing)) == users);
    writer.put(USERS, &json!(users), says)?;
    writer.workflows(before, state)?;
    writer.schedules(before.schedules.as_deref().unwrap_or_default(), &state.schedules)?;
    Ok(writer.done)
}

fn in_order<'t>(users: impl Iterator<Item = &'t Thing>) -> Vec<&'t Thing> {
    let mut users: Vec<_> = users.collect();
    users.sort_by_key(|user| {
        (users::identity(user), text(user, "name"), text(user, "role"), text(user, "status"))
    });
    users
}

/// A folder that is not one of an organization may hold something else by our names.
fn refuse_others(folder: &Path) -> Result<(), Failure> {
    let names = [QUOTAS, USERS, WORKFLOWS, SCHEDULES];
    match names.into_iter().find(|name| folder.join(name).symlink_metadata().is_ok()) {
        None => Ok(()),
        Some(name) => {
            let message =
                format!("{} has {name} and no {MARKER}, so it may be for something else", folder.display());
            Err(Failure::new(Exit::Failed, "conflict", message)
                .with_hint("choose an empty folder, or one of an export before"))
        }
    }
}

struct Writer<'f> {
    folder: &'f Path,
    done: BTreeMap<String, Action>,
}

impl Writer<'_> {
    fn folders(&self) -> Result<(), Failure> {
        for below in [WORKFLOWS, SCHEDULES] {
            let path = self.folder.join(below);
            fs::create_dir_all(&path).map_err(|error| unwritable(&path, &error))?;
            if path.is_symlink() {
                return Err(unwritable(&path, &io::Error::other("it is a symbolic link")));
            }
        }
        Ok(())
    }

    /// Writes a file, unless it says the same already.
    fn put(&mut self, file: &str, value: &Value, says_it: bool) -> Result<(), Failure> {
        let path = self.folder.join(file);
        let action = match (says_it, path.exists()) {
            (true, _) => Action::Unchanged,
            (false, true) => Action::Updated,
            (false, false) => Action::Created,
        };
        if !says_it {
            replace(&path, &document(value)).map_err(|error| unwritable(&path, &error))?;
        }
        self.done.insert(file.to_owned(), action);
        Ok(())
    }

    fn remove(&mut self, file: &str) -> Result<(), Failure> {
        let path = self.folder.join(file);
        fs::remove_file(&path).map_err(|error| unwritable(&path, &error))?;
        self.done.insert(file.to_owned(), Action::Removed);
        Ok(())
    }

    fn workflows(&mut self, before: &Contents, state: &State) -> Result<(), Failure> {
        let files = before.workflows.as_deref().unwrap_or_default();
        let files: BTreeMap<&str, _> = files.iter().map(|file| (file.name.as_str(), file)).collect();
        for (name, workflow) in &state.workflows {
            let fresh = format!("{WORKFLOWS}/{name}.yaml");
            let known = files.get(name.as_str());
            let says = known.is_some_and(|file| file.definition.as_ref() == Some(&workflow.definition));
            self.put(known.map_or(&fresh, |file| &file.file), &workflow.definition, says)?;
        }
        let mut gone = files.iter().filter(|(name, _)| !state.workflows.contains_key(**name));
        gone.try_for_each(|(_, file)| self.remove(&file.file))
    }

    /// A schedule that has a file keeps it, whatever it is called.
    fn schedules(&mut self, files: &[Entry], state: &[Remote]) -> Result<(), Failure> {
        let pairing = Pairing::of_schedules(files, state);
        let mut names: BTreeSet<String> = files.iter().map(|file| file.file.clone()).collect();
        for (file, schedule) in pairing.pairs() {
            match schedule {
                Some(schedule) => {
                    let mut thing = schedule.thing.clone();
                    if file.id.as_ref() == Some(&schedule.id) {
                        thing.shift_insert(0, "id".to_owned(), schedule.id.as_str().into());
                    }
                    self.put(&file.file, &json!(thing), file.thing == schedule.thing)?;
                }
                None => self.remove(&file.file)?,
            }
        }
        let mut fresh: Vec<&Thing> = pairing.unclaimed().map(|(_, schedule)| &schedule.thing).collect();
        // So that those of one name have the same order everywhere.
        fresh.sort_by_cached_key(|thing| json!(thing).to_string());
        for schedule in fresh {
            let file = file_name(schedule, &names);
            self.put(&file, &json!(schedule), false)?;
            names.insert(file);
        }
        Ok(())
    }
}

/// The name of a schedule's file: its workflow, and a mark of what it starts and when. It is the same in every organization.
fn file_name(schedule: &Thing, taken: &BTreeSet<String>) -> String {
    let what = json!([schedule.get("workflow"), schedule.get("spec"), schedule.get("input")]);
    let [a, b, c, d, ..] = Sha256::digest(what.to_string().as_bytes()).0;
    let mark = format!("{:08x}", u32::from_be_bytes([a, b, c, d]));
    let stem = format!("{SCHEDULES}/{}-{mark}", text(schedule, "workflow"));
    let numbered = (2..).map(|number| format!("{stem}-{number}.yaml"));
    let mut names = std::iter::once(format!("{stem}.yaml")).chain(numbered);
    names.find(|name| !taken.contains(name)).unwrap_or(stem)
}

fn text<'t>(thing: &'t Thing, field: &str) -> &'t str {
    thing.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The value as YAML; as JSON, which is YAML too, should the YAML not read back as the same.
fn document(value: &Value) -> String {
    let text = as_yaml(value);
    let text = if text.ends_with('\n') { text } else { text + "\n" };
    let read = source::read(&text, LARGEST).ok().filter(|(_, problems)| problems.is_empty());
    match read.map(|(node, _): (Node, _)| node.to_value()) {
        Some(read) if read == *value => text,
        _ => format!("{value:#}\n"),
    }
}

/// Replaces a file as a whole. A link in its place is replaced, not followed.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, "io", format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![any::<String>(), "[a-z \n\t'\":#|>~{}\\[\\]-]{0,12}", "[-+.0-9eExo]{1,6}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((text.clone(), inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn should_write_what_reads_back_as_the_same(value in any_value()) {
            let text = document(&value);
            let (node, problems) = source::read(&text, LARGEST).expect("YAML");
            prop_assert!(problems.is_empty(), "{problems:?}");
            prop_assert_eq!(node.to_value(), value, "{}", text);
        }
    }
}
