//! What an API key may do of what its user may: some permissions, and, of all workflows and task queues, those with a name.

use std::{borrow::Cow, fmt::Display, sync::Arc};

use crate::{
    Invalid, Permission, PermissionSet, Role, WorkflowName,
    field::{checked_string, display_name},
};

const WORKFLOW: &str = "workflow";
const TASK_QUEUE: &str = "task_queue";

checked_string!(
    /// The name of a Temporal task queue: 1–250 characters.
    TaskQueueName, |value| display_name("task_queue", value, TaskQueueName::MAX_LENGTH)
);

impl TaskQueueName {
    /// How many characters it has at most.
    pub const MAX_LENGTH: usize = 250;

    /// One that was checked when it was stored.
    pub fn from_storage(value: String) -> Self {
        Self(value)
    }
}

/// Which things of a kind somebody may reach: all of them, or those with these names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach<T> {
    /// All, and those to come.
    All,
    /// Those with these names, sorted.
    Only(Arc<[T]>),
}

impl<T: Ord> Reach<T> {
    /// Those with these names; all of them, if there is no name.
    fn of(mut names: Vec<T>) -> Self {
        if names.is_empty() {
            return Self::All;
        }
        names.sort();
        names.dedup();
        Self::Only(names.into())
    }

    /// Whether the thing with this name is among them.
    pub fn includes(&self, name: &T) -> bool {
        self.names().is_none_or(|names| names.binary_search(name).is_ok())
    }

    /// Whether whatever the other includes is included here.
    pub fn covers(&self, other: &Self) -> bool {
        match other {
            Self::All => self.names().is_none(),
            Self::Only(names) => names.iter().all(|name| self.includes(name)),
        }
    }

    /// The names, unless it is all.
    pub fn names(&self) -> Option<&[T]> {
        match self {
            Self::All => None,
            Self::Only(names) => Some(names),
        }
    }
}

/// What somebody may do, and with which workflows and task queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    permissions: PermissionSet,
    workflows: Reach<WorkflowName>,
    task_queues: Reach<TaskQueueName>,
}

impl Rights {
    /// Those of a role.
    pub fn of(role: Role) -> Self {
        Self { permissions: role.permissions(), workflows: Reach::All, task_queues: Reach::All }
    }

    /// Those of a role by a key with these scopes: what both allow.
    pub fn by_key(role: Role, scopes: Option<&Scopes>) -> Self {
        let role = Self::of(role);
        let Some(Scopes(scopes)) = scopes else { return role };
        Self { permissions: role.permissions.intersection(scopes.permissions), ..scopes.clone() }
    }

    /// What may be done.
    pub fn permissions(&self) -> PermissionSet {
        self.permissions
    }

    /// With which workflows, and their executions.
    pub fn workflows(&self) -> &Reach<WorkflowName> {
        &self.workflows
    }

    /// With which task queues.
    pub fn task_queues(&self) -> &Reach<TaskQueueName> {
        &self.task_queues
    }

    /// Whether whoever has the other could do nothing more.
    pub fn cover(&self, other: &Self) -> bool {
        self.permissions.covers(other.permissions)
            && self.workflows.covers(&other.workflows)
            && self.task_queues.covers(&other.task_queues)
    }
}

/// What a key is limited to. Written as a list of words: permissions (`executions:start`), `workflow:<name>` and
/// `task_queue:<name>`. Without the name of a workflow all can be reached, and likewise task queues; without a permission nothing
/// could be done, so there must be one. Names of workflows leave out all workflow types of own workers, names of task queues those
/// on other queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Rights);

impl Scopes {
    /// The most words that there can be.
    pub const MAX: usize = 100;

    /// Checks the words; their order and repetitions do not matter.
    ///
    /// # Errors
    /// `scopes`, with the words that are not known.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, Invalid> {
        if words.len() > Self::MAX {
            return Err(invalid(format!("must have at most {} words", Self::MAX)));
        }
        let (mut permissions, mut workflows, mut task_queues) = (Vec::new(), Vec::new(), Vec::new());
        let mut unknown = Vec::new();
        for (at, word) in words.iter().map(AsRef::as_ref).enumerate() {
            let known = match word.split_once(':') {
                Some((WORKFLOW, name)) => WorkflowName::parse(name).map(|name| workflows.push(name)).is_ok(),
                Some((TASK_QUEUE, name)) => {
                    TaskQueueName::parse(name).map(|name| task_queues.push(name)).is_ok()
                }
                _ => word.parse::<Permission>().map(|permission| permissions.push(permission)).is_ok(),
            };
            if !known {
                unknown.push(shown(at, word));
            }
        }
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            return Err(invalid(format!(
                "must be permissions, {WORKFLOW}:<name> or {TASK_QUEUE}:<name>, which {unknown} is not"
            )));
        }
        if permissions.is_empty() {
            return Err(invalid("must have a permission; leave them out for all that the user may do"));
        }
        Ok(Self(Rights {
            permissions: permissions.into_iter().collect(),
            workflows: Reach::of(workflows),
            task_queues: Reach::of(task_queues),
        }))
    }

    /// The words: permissions first, then workflows, then task queues, each in their order.
    pub fn words(&self) -> impl Iterator<Item = String> {
        fn named<T: Ord + Display>(kind: &str, reach: &Reach<T>) -> impl Iterator<Item = String> {
            reach.names().unwrap_or_default().iter().map(move |name| format!("{kind}:{name}"))
        }
        let permissions = self.0.permissions.iter().map(|permission| permission.to_string());
        permissions.chain(named(WORKFLOW, &self.0.workflows)).chain(named(TASK_QUEUE, &self.0.task_queues))
    }

    /// Whether a key with the other scopes could do nothing more, whoever's it is.
    pub fn cover(&self, other: &Self) -> bool {
        self.0.cover(&other.0)
    }

    /// Checks that users of this role have what the key is to be limited to.
    ///
    /// # Errors
    /// `scopes`, with the permissions that they have not.
    pub fn check(&self, role: Role) -> Result<(), Invalid> {
        let lacking = self.0.permissions.without(role.permissions());
        if lacking.is_empty() {
            return Ok(());
        }
        let lacking = lacking.iter().map(Permission::as_str).collect::<Vec<_>>().join(", ");
        Err(invalid(format!("must be within what the user's role, {role}, allows, which {lacking} is not")))
    }
}

impl serde::Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words())
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Invalid {
    Invalid::new("scopes", message)
}

/// A word as an error names it: by its place if it could be anything else than a mistyped word, such as a secret.
fn shown(at: usize, word: &str) -> String {
    let harmless = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b':' | b'_' | b'-');
    if (1..=40).contains(&word.len()) && word.bytes().all(harmless) {
        return format!("`{word}`");
    }
    format!("word {}", at + 1)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn scopes(words: &[&str]) -> Scopes {
        Scopes::parse(words).expect("words that are known")
    }

    #[test]
    fn should_write_the_words_in_one_order() {
        let scopes = scopes(&[
            "task_queue:Own Queue",
            "workflow:quote",
            "executions:start",
            "workflow:order",
            "executions:read",
            "workflow:quote",
        ]);
        let words: Vec<String> = scopes.words().collect();
        let sorted = [
            "executions:read",
            "executions:start",
            "workflow:order",
            "workflow:quote",
            "task_queue:Own Queue",
        ];
        assert_eq!(words, sorted);
        assert_eq!(serde_json::json!(scopes), serde_json::json!(sorted));
    }

    #[test]
    fn should_name_each_word_that_is_unknown_but_nothing_that_may_be_a_secret() {
        let secret = crate::Secret::generate().expect("randomness");
        let words =
            ["executions:start", "execution:read", secret.reveal(), "workflow:Not a name", "workflow:"];
        let error = Scopes::parse(&words).expect_err("unknown words");
        assert_eq!(error.field, "scopes");
        assert_eq!(
            error.message,
            "must be permissions, workflow:<name> or task_queue:<name>, which `execution:read`, word 3, word 4, \
             `workflow:` is not"
        );
    }

    #[test]
    fn should_want_a_permission_and_not_too_many_words() {
        let check = |words: &[&str], expected: &str| {
            let error = Scopes::parse(words).expect_err(expected);
            assert_eq!((error.field.as_ref(), error.message.contains(expected)), ("scopes", true), "{error}");
        };
        check(&[], "must have a permission");
        check(&["workflow:quote", "task_queue:own"], "must have a permission");
        check(&["executions:read"; Scopes::MAX + 1], "at most 100 words");
        assert!(Scopes::parse(&["executions:read"; Scopes::MAX]).is_ok());
    }

    #[test]
    fn should_name_what_the_role_lacks() {
        let scopes = scopes(&["executions:start", "users:write", "audit:read"]);
        assert_eq!(scopes.check(Role::Manager), Ok(()));
        let error = scopes.check(Role::Customer).expect_err("too much");
        assert_eq!(error.field, "scopes");
        assert!(error.message.contains("customer") && error.message.contains("users:write, audit:read"));
    }

    #[test]
    fn should_leave_what_both_the_role_and_the_scopes_allow() {
        let scopes = scopes(&["executions:start", "users:write", "workflow:quote"]);
        let allowed = |role| Rights::by_key(role, Some(&scopes)).permissions().iter().collect::<Vec<_>>();
        assert_eq!(allowed(Role::Manager), [Permission::WriteUsers, Permission::StartExecutions]);
        assert_eq!(allowed(Role::Customer), [Permission::StartExecutions]);
        assert_eq!(allowed(Role::Worker), []);
        assert_eq!(Rights::by_key(Role::Customer, None), Rights::of(Role::Customer));
        let rights = Rights::by_key(Role::Customer, Some(&scopes));
        let reaches = |name| rights.workflows().includes(&WorkflowName::parse(name).expect("a name"));
        assert!(reaches("quote") && !reaches("other"));
    }

    #[test]
    fn should_not_count_a_named_workflow_as_all_of_them() {
        let (all, one, two) = (
            scopes(&["executions:start"]),
            scopes(&["executions:start", "workflow:a"]),
            scopes(&["executions:start", "workflow:a", "workflow:b"]),
        );
        let queue = scopes(&["executions:start", "task_queue:a"]);
        for (wide, narrow) in [(&all, &one), (&all, &two), (&two, &one), (&all, &queue)] {
            assert!(wide.cover(narrow) && !narrow.cover(wide), "{wide:?} {narrow:?}");
        }
        assert!(!one.cover(&queue) && !queue.cover(&one), "neither is within the other");
    }

    fn any_scopes() -> impl Strategy<Value = Scopes> {
        let permission = select(Permission::ALL).prop_map(|permission| permission.to_string());
        let word = prop_oneof![
            permission.clone(),
            "[abc]".prop_map(|name| format!("workflow:{name}")),
            "[abc]".prop_map(|name| format!("task_queue:{name}")),
        ];
        (permission, vec(word, 0..6)).prop_map(|(permission, mut words)| {
            words.push(permission);
            Scopes::parse(&words).expect("words that are known")
        })
    }

    proptest! {
        #[test]
        fn should_come_back_from_its_words(scopes in any_scopes()) {
            let words: Vec<String> = scopes.words().collect();
            prop_assert_eq!(Scopes::parse(&words), Ok(scopes));
        }

        #[test]
        fn should_never_panic_on_any_words(words: Vec<String>, name: String) {
            let _ = Scopes::parse(&words);
            let queue = ["executions:read".to_owned(), format!("task_queue:{name}")];
            if let Ok(scopes) = Scopes::parse(&queue) {
                let words: Vec<String> = scopes.words().collect();
                prop_assert_eq!(Scopes::parse(&words), Ok(scopes));
            }
        }

        #[test]
        fn should_let_nobody_do_by_covered_scopes_what_the_covering_do_not_allow(
            wide in any_scopes(), narrow in any_scopes(), role in select(Role::ALL),
        ) {
            let (one, other) = (Rights::by_key(role, Some(&wide)), Rights::by_key(role, Some(&narrow)));
            prop_assert!(Rights::of(role).cover(&one));
            if wide.cover(&narrow) {
                prop_assert!(one.cover(&other));
            }
            for name in ["a", "b", "c"] {
                let workflow = WorkflowName::parse(name).expect("a name");
                let queue = TaskQueueName::parse(name).expect("a name");
                let further = (other.workflows().includes(&workflow) && !one.workflows().includes(&workflow))
                    || (other.task_queues().includes(&queue) && !one.task_queues().includes(&queue));
                prop_assert!(!further || !wide.cover(&narrow));
            }
        }
    }
}
