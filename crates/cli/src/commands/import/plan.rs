//! What an import is to do: a comparison of the files with the organization.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    failure::Failure,
    folder::{
        Contents, Entry, QUOTAS, Thing, WorkflowFile,
        pairing::Pairing,
        state::{Remote, State},
    },
};

/// What becomes of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is to be made.
    Create,
    /// It was made.
    Created,
    /// It is to be changed.
    Update,
    /// It was changed.
    Updated,
    /// It is as the files say.
    Unchanged,
    /// It is not as the files say, and the caller may not change it.
    Skipped,
    /// It is in no file, and stays.
    Kept,
}

impl Action {
    pub(super) const ALL: [Self; 7] = [
        Self::Create,
        Self::Created,
        Self::Update,
        Self::Updated,
        Self::Unchanged,
        Self::Skipped,
        Self::Kept,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Created => "created",
            Self::Update => "update",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Kept => "kept",
        }
    }

    /// What it is once it is done.
    pub(super) fn done(self) -> Self {
        match self {
            Self::Create => Self::Created,
            Self::Update => Self::Updated,
            other => other,
        }
    }
}

/// What kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Quotas,
    Workflow,
    User,
    Schedule,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Quotas => "quotas",
            Self::Workflow => "workflow",
            Self::User => "user",
            Self::Schedule => "schedule",
        }
    }
}

/// A thing, and what becomes of it.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) action: Action,
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) file: Option<String>,
    /// Each field that changes: before and after.
    pub(super) changes: Thing,
    /// What the user can do about it.
    pub(super) hint: Option<String>,
    pub(super) body: Body,
}

/// What the server is told.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Nothing,
    Definition(String),
    New(Thing),
    Changes { id: String },
}

/// Compares. The items are in the order in which they are done: room first, then what others need.
///
/// # Errors
/// When it cannot be told which schedule is meant, or one starts a workflow that is nowhere.
pub(super) fn plan(folder: &Path, contents: Contents, state: &State) -> Result<Vec<Item>, Failure> {
    let Contents { quotas, users, workflows, schedules } = contents;
    let mut items = Vec::new();
    items.extend(quotas.map(|wanted| of_quotas(&wanted, state)));
    let schedules = schedules.as_deref();
    let faults =
        schedules.map(|files| faults(folder, files, workflows.as_deref(), state)).unwrap_or_default();
    if !faults.is_empty() {
        let message = format!("the files do not fit {}; nothing was changed", state.organization);
        return Err(Failure::invalid(message).with_details(faults));
    }
    items.extend(workflows.iter().flat_map(|files| of_workflows(files, state)));
    items.extend(users.iter().flat_map(|files| of_users(files, state)));
    items.extend(schedules.iter().flat_map(|files| of_schedules(files, state)));
    Ok(items)
}

fn item(kind: Kind, name: &str, file: Option<&str>, action: Action) -> Item {
    let (name, file) = (name.to_owned(), file.map(str::to_owned));
    Item { action, kind, name, file, changes: Thing::new(), hint: None, body: Body::Nothing }
}

fn of_quotas(wanted: &Thing, state: &State) -> Item {
    let changes = difference(&state.quotas, wanted);
    let base = item(Kind::Quotas, &state.organization, Some(QUOTAS), Action::Unchanged);
    if changes.is_empty() {
        return base;
    }
    if state.is_admin {
        return Item { action: Action::Update, changes, ..base };
    }
    let names: Vec<_> = changes.keys().map(String::as_str).collect();
    let hint = Some(format!("only an admin sets quotas: {}", names.join(", ")));
    Item { action: Action::Skipped, changes, hint, ..base }
}

fn of_workflows(files: &[WorkflowFile], state: &State) -> Vec<Item> {
    let of_file = |file: &WorkflowFile| {
        let base = item(Kind::Workflow, &file.name, Some(&file.file), Action::Unchanged);
        let body = Body::Definition(file.text.clone());
        match state.workflows.get(&file.name) {
            Some(there) if file.definition.as_ref() == Some(&there.definition) => base,
            Some(there) => {
                let changes =
                    Thing::from_iter([("revision".to_owned(), json!([there.revision, there.revision + 1]))]);
                Item { action: Action::Update, changes, body, ..base }
            }
            None => Item { action: Action::Create, body, ..base },
        }
    };
    let kept = state.workflows.keys().filter(|name| !files.iter().any(|file| file.name == **name));
    let kept = kept.map(|name| {
        let hint = Some(format!("not in the files; `tenantry workflow delete {name}` deletes it"));
        Item { hint, ..item(Kind::Workflow, name, None, Action::Kept) }
    });
    files.iter().map(of_file).chain(kept).collect()
}

/// Who is new comes first, then who may do more: the last manager can go when there is another.
fn of_users(files: &[Entry], state: &State) -> Vec<Item> {
    let pairing = Pairing::of_users(files, &state.users);
    let mut items: Vec<_> = pairing
        .pairs()
        .map(|(file, there)| (file, compare(Kind::User, user_name(&file.thing), file, there)))
        .collect();
    items.sort_by_key(|(file, item)| (item.action != Action::Create, !manages(&file.thing)));
    let kept = pairing.unclaimed().map(|(_, user)| {
        let hint = Some(format!("not in the files; `tenantry user delete {}` removes it", user.id));
        Item { hint, ..item(Kind::User, user_name(&user.thing), None, Action::Kept) }
    });
    items.into_iter().map(|(_, item)| item).chain(kept).collect()
}

fn of_schedules(files: &[Entry], state: &State) -> Vec<Item> {
    let pairing = Pairing::of_schedules(files, &state.schedules);
    let pairs = pairing
        .pairs()
        .map(|(file, there)| compare(Kind::Schedule, &schedule_name(&file.thing), file, there));
    let kept = pairing.unclaimed().map(|(_, schedule)| {
        let hint = Some(format!("not in the files; `tenantry schedule delete {}` deletes it", schedule.id));
        Item { hint, ..item(Kind::Schedule, &schedule_name(&schedule.thing), None, Action::Kept) }
    });
    pairs.chain(kept).collect()
}

fn compare(kind: Kind, name: &str, file: &Entry, there: Option<&Remote>) -> Item {
    let base = item(kind, name, Some(&file.file), Action::Unchanged);
    let Some(there) = there else {
        return Item { action: Action::Create, body: Body::New(file.thing.clone()), ..base };
    };
    let changes = difference(&there.thing, &file.thing);
    if changes.is_empty() {
        return base;
    }
    Item { action: Action::Update, changes, body: Body::Changes { id: there.id.clone() }, ..base }
}

/// Before and after of each field that is to be another.
fn difference(before: &Thing, wanted: &Thing) -> Thing {
    let changed = wanted.iter().filter(|(field, value)| before.get(*field) != Some(value));
    changed.map(|(field, value)| (field.clone(), json!([before.get(field), value]))).collect()
}

fn user_name(user: &Thing) -> &str {
    text(user, "email").or(text(user, "name")).unwrap_or_default()
}

/// What it starts and when.
fn schedule_name(schedule: &Thing) -> String {
    let spec = schedule.get("spec").unwrap_or(&Value::Null);
    let when = match (spec["cron"].as_str(), spec["every_seconds"].as_i64()) {
        (Some(cron), _) => cron.to_owned(),
        (_, Some(seconds)) => format!("every {seconds} s"),
        _ => spec["calendar"].to_string(),
    };
    format!("{} ({when})", text(schedule, "workflow").unwrap_or_default())
}

fn manages(user: &Thing) -> bool {
    matches!(text(user, "role"), Some("admin" | "manager")) && text(user, "status") == Some("active")
}

fn text<'t>(thing: &'t Thing, field: &str) -> Option<&'t str> {
    thing.get(field).and_then(Value::as_str)
}

/// What keeps the schedules from being imported.
fn faults(folder: &Path, files: &[Entry], workflows: Option<&[WorkflowFile]>, state: &State) -> Vec<String> {
    let at = |file: &Entry| folder.join(&file.file).display().to_string();
    let is_somewhere = |name: &str| {
        state.workflows.contains_key(name) || workflows.into_iter().flatten().any(|file| file.name == name)
    };
    let lost = files.iter().filter_map(|file| {
        let workflow = text(&file.thing, "workflow").filter(|name| !is_somewhere(name))?;
        Some(format!("{}: the workflow {workflow} is neither in the files nor in the organization", at(file)))
    });
    let pairing = Pairing::of_schedules(files, &state.schedules);
    let doubts = pairing.doubts();
    let doubts = doubts.iter().map(|(file, ids)| {
        format!(
            "{}: is this new, or {}? write `id: sch_…` into it if it is one of them; else export first, so that each of them has its file",
            at(file),
            ids.join(" or "),
        )
    });
    lost.chain(doubts).collect()
}
