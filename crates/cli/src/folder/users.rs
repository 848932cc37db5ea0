//! `users.yaml`: who belongs to an organization.

use std::collections::BTreeSet;

use serde_json::Value;
use tenantry_domain::{Email, Role, UserKind, UserName, UserStatus, user::NewUser};
use tenantry_dsl::source::Node;

use super::{Entry, LARGEST, Page, Thing};

/// The fields of a user, in the order in which they are written.
pub(crate) const FIELDS: &[&str] = &["kind", "email", "name", "role", "status"];

/// The users that the file names.
pub(super) fn read(page: &mut Page) -> Option<Vec<Entry>> {
    let root = page.root(LARGEST)?;
    let mut addresses = BTreeSet::new();
    let mut users = Vec::new();
    for node in page.list(&root)? {
        let Some(thing) = user(page, node) else { continue };
        if thing.get("email").and_then(Value::as_str).is_some_and(|email| !addresses.insert(email.to_owned()))
        {
            page.fault(node.position, "there is a user with this address above");
        }
        users.push(Entry { thing, file: page.file.clone(), id: None });
    }
    Some(users)
}

fn user(page: &mut Page, node: &Node) -> Option<Thing> {
    let object = page.object(node, FIELDS)?;
    let kind = object.get("kind").map_or(Some(UserKind::Human), |kind| page.word(kind, "kind"));
    let name = page.required(&object, "name").and_then(|name| page.parsed(name, UserName::parse));
    let role = page.required(&object, "role").and_then(|role| page.word::<Role>(role, "role"));
    let status = object.get("status").map_or(Some(UserStatus::Active), |status| page.word(status, "status"));
    let email = match (kind?, object.get("email")) {
        (UserKind::Human, _) => {
            Some(page.required(&object, "email").and_then(|email| page.parsed(email, Email::parse))?)
        }
        (UserKind::Service, Some(email)) => {
            page.fault(email.position, "email is not for service accounts");
            None
        }
        (UserKind::Service, None) => None,
    };
    let at = object.get("role").map_or(node.position, |role| role.position);
    let new = page.check(at, NewUser::new(name?, email, role?))?;
    let mut thing = Thing::new();
    thing.insert("kind".to_owned(), new.kind().as_str().into());
    if let Some(email) = new.email() {
        thing.insert("email".to_owned(), email.as_str().into());
    }
    thing.insert("name".to_owned(), new.name().as_str().into());
    thing.insert("role".to_owned(), new.role().as_str().into());
    thing.insert("status".to_owned(), status?.as_str().into());
    Some(thing)
}

/// What tells a user from the others, and makes their order: people by address, then programs by name.
pub(crate) fn identity(user: &Thing) -> (bool, &str) {
    let text = |field| user.get(field).and_then(Value::as_str);
    match text("email") {
        Some(email) => (false, email),
        None => (true, text("name").unwrap_or_default()),
    }
}
