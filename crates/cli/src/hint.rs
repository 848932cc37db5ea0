//! What to do about a refusal: the hints below errors, which know what was asked, of which organization and with which key.

use std::fmt;

use tenantry_client::{Client, Problem, organizations::Organization, workflows::Workflow};

use crate::connection::Session;

/// How far a name may be from another to be taken for it with a typing error, in edits for each three letters.
const LETTERS_FOR_AN_EDIT: usize = 3;
/// How many names are looked at.
const NAMES: u32 = 200;

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The nouns and the verb: `org get`.
    pub(crate) command: String,
    /// What it was to be done with: the first word after the verb.
    pub(crate) subject: Option<String>,
}

/// Where a key came from. It never says the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// `--api-key`.
    Flag,
    /// `TENANTRY_API_KEY`.
    Environment,
    /// A profile, by its name.
    Profile(String),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("--api-key"),
            Self::Environment => f.write_str("TENANTRY_API_KEY"),
            Self::Profile(name) => write!(f, "the profile {name}"),
        }
    }
}

/// The hint for a refusal, if there is anything to do. It may ask the server for the names that there are.
pub(crate) async fn hint(problem: &Problem, session: &Session) -> Option<String> {
    let hint = match problem.code.as_str() {
        "unauthenticated" => bad_key(&session.key_source),
        "forbidden" => "`tenantry me` shows what this key may do".to_owned(),
        "not_found" => return not_found(problem, session).await,
        "conflict" => "look at what is there, or choose another name or id".to_owned(),
        "precondition_failed" => {
            "somebody has changed it meanwhile; look at it again, and decide anew".to_owned()
        }
        "organization_not_ready" => {
            let organization = organization(problem, session).await;
            format!("`tenantry org get {organization}` shows what it waits for; try again in a moment")
        }
        "organization_suspended" => {
            let organization = organization(problem, session).await;
            format!("an admin can resume it with `tenantry org resume {organization}`")
        }
        "quota_exceeded" => quota(problem, session).await,
        "rate_limited" => wait(problem),
        "unavailable" => "try again in a moment; the server's /readyz names the part that fails".to_owned(),
        "internal" => {
            format!("the server's log says why, under request {}", problem.request_id.as_deref()?)
        }
        _ => return None,
    };
    Some(hint)
}

fn bad_key(source: &KeySource) -> String {
    match source {
        KeySource::Profile(name) => {
            format!(
                "the key is that of the profile {name}; `tenantry profile add {name} --replace` saves another"
            )
        }
        given => {
            format!("the key is that of {given}; without it a profile's is used: `tenantry profile list`")
        }
    }
}

fn wait(problem: &Problem) -> String {
    match problem.retry_after {
        Some(wait) => format!("try again in {} s", wait.as_secs()),
        None => "try again in a moment".to_owned(),
    }
}

async fn quota(problem: &Problem, session: &Session) -> String {
    let organization = organization(problem, session).await;
    let quota = problem.quota.as_deref().unwrap_or("QUOTA");
    format!(
        "`tenantry org usage {organization}` shows what is used; an admin allows more with \
         `tenantry org quotas {organization} --set {quota}=NUMBER`"
    )
}

/// The slug of the organization that a refusal is about, as well as it is known.
async fn organization(problem: &Problem, session: &Session) -> String {
    let known = problem.organization.clone().or_else(|| session.named_organization().map(str::to_owned));
    match known {
        Some(known) => known,
        None => match session.client.me().send().await {
            Ok(me) => me.organization.slug,
            Err(_) => "ORG".to_owned(),
        },
    }
}

/// What can be missing: how the API calls it, how its ids begin, and what lists those that there are.
const KINDS: [(&str, &str, &str); 6] = [
    ("organization", "org_", "org list"),
    ("user", "usr_", "user list"),
    ("API key", "key_", "apikey list"),
    ("workflow", "wf_", "workflow list"),
    ("execution", "exe_", "execution list"),
    ("schedule", "sch_", "schedule list"),
];

async fn not_found(problem: &Problem, session: &Session) -> Option<String> {
    let kind = problem.message().strip_prefix("there is no such ")?;
    let (kind, prefix, list) = KINDS.into_iter().find(|(known, ..)| *known == kind)?;
    let wanted = wanted(kind, session);
    let other = wanted.and_then(|wanted| {
        KINDS.into_iter().find(|(_, begin, _)| *begin != prefix && wanted.starts_with(begin))
    });
    if let Some((other, begin, _)) = other {
        return Some(format!(
            "an id that begins with {begin} is that of {}, not of {}",
            article(other),
            article(kind)
        ));
    }
    let names = match (kind, wanted) {
        ("organization", Some(_)) => slugs(&session.client).await,
        ("workflow", Some(_)) => workflows(&session.client).await,
        _ => Vec::new(),
    };
    match wanted.and_then(|wanted| closest(wanted, names)) {
        Some(name) => Some(format!("did you mean {name}?")),
        None if kind == "organization" => {
            Some("`tenantry me` shows your own; an admin sees all with `tenantry org list`".to_owned())
        }
        None => Some(format!("`tenantry {list}` shows those that there are")),
    }
}

/// What was not found, as the user wrote it: the organization may be that of `--org`.
fn wanted<'a>(kind: &str, session: &'a Session) -> Option<&'a str> {
    let subject = session.asked.subject.as_deref();
    if kind == "organization" && !session.asked.command.starts_with("org ") {
        return session.named_organization();
    }
    subject
}

fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'A']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// None where one may not look: the hint is worth no error.
async fn slugs(client: &Client) -> Vec<String> {
    let list = client.clone().without_organization().organizations().list().limit(NAMES).page().await;
    let slug = |organization: Organization| organization.slug;
    list.map(|page| page.items.into_iter().map(slug).collect()).unwrap_or_default()
}

async fn workflows(client: &Client) -> Vec<String> {
    let list = client.workflows().list().limit(NAMES).page().await;
    let name = |workflow: Workflow| workflow.name;
    list.map(|page| page.items.into_iter().map(name).collect()).unwrap_or_default()
}

/// The name that is closest to what was written, if it is close at all.
fn closest(wanted: &str, names: Vec<String>) -> Option<String> {
    let allowed = wanted.chars().count().div_ceil(LETTERS_FOR_AN_EDIT);
    let near = names.into_iter().map(|name| (edits(wanted, &name), name));
    near.filter(|(edits, _)| *edits <= allowed).min().map(|(_, name)| name)
}

/// How many letters must be put in, taken out or exchanged to make one text of the other (Levenshtein).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, against) in other.iter().enumerate() {
            let exchanged = diagonal + usize::from(letter != *against);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_count_the_edits_between_two_names() {
        for (one, other, expected) in
            [("", "", 0), ("quote", "quote", 0), ("qoute", "quote", 2), ("quot", "quote", 1), ("", "abc", 3)]
        {
            assert_eq!(edits(one, other), expected, "{one} {other}");
            assert_eq!(edits(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn should_suggest_only_what_is_close() {
        let names = || ["quote", "invoice", "quota-report"].map(str::to_owned).to_vec();
        assert_eq!(closest("qoute", names()).as_deref(), Some("quote"));
        assert_eq!(closest("invoices", names()).as_deref(), Some("invoice"));
        assert_eq!(closest("refund", names()), None);
        assert_eq!(closest("", names()), None);
    }
}
