//! Doing what an import is to do.

use std::path::Path;

use serde_json::Value;
use tenantry_client::{Answer, Client, Error, Method, workflows::Source};

use super::plan::{Action, Body, Item, Kind};
use crate::{
    connection::Session,
    diagnostic,
    failure::Failure,
    folder::{
        Thing,
        state::{State, change, patiently},
    },
    progress::Progress,
};

/// Has the server judge each definition that is new to it.
pub(super) async fn validate(
    session: &Session,
    folder: &Path,
    items: &[Item],
    progress: &Progress,
) -> Result<(), Failure> {
    let mut details = Vec::new();
    for item in items {
        let Body::Definition(text) = &item.body else { continue };
        progress.show(&format!("checking the workflow {}", item.name));
        let defects = patiently(|| session.client.workflows().validate(source(text)).send()).await?;
        let shown = folder.join(item.file.as_deref().unwrap_or_default()).display().to_string();
        details.extend(defects.iter().map(|defect| diagnostic::render(&shown, text, defect)));
    }
    let message = match details.len() {
        0 => return Ok(()),
        1 => "a definition has a problem; nothing was changed".to_owned(),
        count => format!("the definitions have {count} problems; nothing was changed"),
    };
    Err(Failure::invalid(message).with_details(details))
}

/// Does one after the other, and notes of each what was done.
///
/// # Errors
/// The first that the server refuses, with the file that it is from.
pub(super) async fn apply(
    session: &Session,
    state: &State,
    items: &mut [Item],
    progress: &Progress,
) -> Result<(), (String, Failure)> {
    let todo = items.iter().filter(|item| is_todo(item)).count();
    for (index, item) in items.iter_mut().filter(|item| is_todo(item)).enumerate() {
        progress.show(&format!("{} of {todo}: {} {}", index + 1, item.kind.word(), item.name));
        match one(&session.client, &state.organization, item).await {
            Ok(action) => item.action = action,
            Err(error) => return Err((item.file.clone().unwrap_or_default(), error.into())),
        }
    }
    Ok(())
}

fn is_todo(item: &Item) -> bool {
    matches!(item.action, Action::Create | Action::Update)
}

async fn one(client: &Client, organization: &str, item: &mut Item) -> Result<Action, Error> {
    let after: Thing =
        item.changes.iter().map(|(field, change)| (field.clone(), change[1].clone())).collect();
    match (item.kind, &item.body) {
        (Kind::Quotas, _) => {
            change(client, Method::PUT, &["organizations", organization, "quotas"], &after).await?;
        }
        (_, Body::Definition(text)) => {
            return put(client, text, &item.name, item.action, &mut item.changes).await;
        }
        (Kind::User, Body::New(user)) => create_user(client, organization, user).await?,
        (Kind::User, Body::Changes { id }) => {
            change(client, Method::PATCH, &["users", id], &after).await?;
        }
        (Kind::Schedule, Body::New(schedule)) => {
            change(client, Method::POST, &["schedules"], schedule).await?;
        }
        (Kind::Schedule, Body::Changes { id }) => {
            change(client, Method::PATCH, &["schedules", id], &after).await?;
        }
        _ => {}
    }
    Ok(item.action.done())
}

/// The server knows best whether a definition says something new.
async fn put(
    client: &Client,
    text: &str,
    name: &str,
    planned: Action,
    changes: &mut Thing,
) -> Result<Action, Error> {
    let put = || client.workflows().put(name, source(text)).raw().answer();
    let Answer { status, data: workflow, .. } = patiently(put).await?;
    if status != 201 {
        changes.clear();
        return Ok(Action::Unchanged);
    }
    if let Some(change) = changes.get_mut("revision") {
        // Somebody else may have made one in between.
        change[1] = workflow["revision"].clone();
    }
    Ok(planned.done())
}

/// A new user is active; they have no key yet with which they could do anything before they are not.
async fn create_user(client: &Client, organization: &str, user: &Thing) -> Result<(), Error> {
    let mut new = user.clone();
    let status = new.shift_remove("status").unwrap_or_default();
    let created = change(client, Method::POST, &["organizations", organization, "users"], &new).await?;
    if status != "active" {
        let id = created["id"].as_str().unwrap_or_default();
        let status = Thing::from_iter([("status".to_owned(), status)]);
        change(client, Method::PATCH, &["users", id], &status).await?;
    }
    Ok(())
}

fn source(text: &str) -> Source<'_> {
    if serde_json::from_str::<Value>(text).is_ok() { Source::Json(text) } else { Source::Yaml(text) }
}
