//! What an organization is now, as the server says.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tenantry_client::{Client, Error, List, Method};
use tenantry_domain::WorkflowName;
use tokio::time::sleep;

use super::{Thing, schedules, users};
use crate::{
    connection::Session,
    failure::{Exit, Failure},
    progress::Progress,
};

/// How long to wait for room when the server does not say.
const PAUSE: Duration = Duration::from_secs(1);
/// The most items of a page.
const PAGE: u32 = 200;
/// The permission that only admins have.
const OF_ADMINS: &str = "platform:organizations";

/// A thing of the organization.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// Names it.
    pub(crate) id: String,
    /// What people have decided about it.
    pub(crate) thing: Thing,
}

/// A workflow of the organization, in its latest revision.
#[derive(Clone, Debug)]
pub(crate) struct RemoteWorkflow {
    pub(crate) revision: i64,
    pub(crate) definition: Value,
}

/// The organization.
#[derive(Debug)]
pub(crate) struct State {
    /// Its slug or id.
    pub(crate) organization: String,
    /// Whether the caller sets quotas.
    pub(crate) is_admin: bool,
    pub(crate) quotas: Thing,
    /// The oldest first.
    pub(crate) users: Vec<Remote>,
    /// By name.
    pub(crate) workflows: BTreeMap<String, RemoteWorkflow>,
    /// The oldest first.
    pub(crate) schedules: Vec<Remote>,
}

impl State {
    /// Asks for all of it.
    pub(crate) async fn read(session: &Session, progress: &Progress) -> Result<Self, Failure> {
        let client = &session.client;
        let me = patiently(|| client.me().raw().send()).await?;
        whole_view(&me)?;
        let organization = match session.named_organization() {
            Some(named) => named.to_owned(),
            None => text(&me["organization"], "slug")?,
        };
        let is_admin = me["permissions"].as_array().is_some_and(|all| all.iter().any(|one| one == OF_ADMINS));
        let quotas = patiently(|| client.organizations().quotas(&organization).raw().send()).await?;
        progress.show("reading the users");
        let users = all(client.users().list(&organization).raw()).await?;
        progress.show("reading the workflows");
        let workflows = workflows(client).await?;
        progress.show("reading the schedules");
        let schedules = schedules(client).await?;
        Ok(Self {
            is_admin,
            quotas: quotas.as_object().cloned().unwrap_or_default(),
            users: users.iter().rev().map(|user| remote(user, users::FIELDS)).collect::<Result<_, _>>()?,
            workflows,
            schedules,
            organization,
        })
    }
}

/// A key that is limited to some workflows would make all others look as if they were not there.
fn whole_view(me: &Value) -> Result<(), Failure> {
    let scopes = me["api_key"]["scopes"].as_array();
    let is_narrow = |scope: &Value| scope.as_str().is_some_and(|scope| scope.starts_with("workflow:"));
    if scopes.is_some_and(|scopes| scopes.iter().any(is_narrow)) {
        let message = "this key sees only some of the organization's workflows, so nothing was compared";
        let hint =
            "use a key without scopes of the form workflow:NAME; `tenantry me` shows whose this one is";
        return Err(Failure::new(Exit::Denied, "forbidden", message).with_hint(hint));
    }
    Ok(())
}

/// A list leaves out definitions that are large.
async fn workflows(client: &Client) -> Result<BTreeMap<String, RemoteWorkflow>, Failure> {
    let mut found = BTreeMap::new();
    for mut workflow in all(client.workflows().list().raw()).await? {
        let name = text(&workflow, "name")?;
        // It becomes the name of a file.
        WorkflowName::parse(&name).map_err(|_| unexpected("the name of a workflow is none"))?;
        if workflow["definition"].is_null() {
            workflow = patiently(|| client.workflows().get(&name).raw().send()).await?;
        }
        let revision = workflow["revision"].as_i64().unwrap_or_default();
        found.insert(name, RemoteWorkflow { revision, definition: workflow["definition"].take() });
    }
    Ok(found)
}

/// A list leaves out inputs that are large.
async fn schedules(client: &Client) -> Result<Vec<Remote>, Failure> {
    let mut found = Vec::new();
    for mut schedule in all(client.schedules().list().raw()).await?.into_iter().rev() {
        if schedule["input"].is_null() {
            let id = text(&schedule, "id")?;
            schedule = patiently(|| client.schedules().get(&id).raw().send()).await?;
        }
        let schedule = remote(&schedule, schedules::FIELDS)?;
        let workflow = schedule.thing.get("workflow").and_then(Value::as_str).unwrap_or_default();
        WorkflowName::parse(workflow).map_err(|_| unexpected("the workflow of a schedule is none"))?;
        found.push(schedule);
    }
    Ok(found)
}

/// A thing by those of its fields that people decide on. Nobody has decided on an address that is not there.
fn remote(thing: &Value, fields: &[&str]) -> Result<Remote, Failure> {
    let decided = fields.iter().filter_map(|field| Some(((*field).to_owned(), thing.get(field)?.clone())));
    let decided = decided.filter(|(field, value)| field != "email" || !value.is_null());
    Ok(Remote { id: text(thing, "id")?, thing: decided.collect() })
}

fn text(thing: &Value, field: &str) -> Result<String, Failure> {
    let text = thing.get(field).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| unexpected(&format!("there is no {field}")))
}

fn unexpected(reason: &str) -> Failure {
    Error::Unexpected { status: 200, reason: reason.to_owned() }.into()
}

async fn all(list: List<Value>) -> Result<Vec<Value>, Failure> {
    let mut pages = list.limit(PAGE).into_pages();
    let mut items = Vec::new();
    while let Some(page) = pages.next().await? {
        items.extend(page.items);
    }
    Ok(items)
}

/// Calls, and calls again when there is room, as often as it takes: a large organization has more things than a key has requests.
pub(crate) async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    loop {
        match call().await {
            Err(Error::Api(problem)) if problem.code == "rate_limited" => {
                sleep(problem.retry_after.unwrap_or(PAUSE)).await;
            }
            answered => return answered,
        }
    }
}

/// Changes something by its path, and gives what it is then.
pub(crate) async fn change(
    client: &Client,
    method: Method,
    path: &[&str],
    body: &Thing,
) -> Result<Value, Error> {
    patiently(|| client.request(method.clone(), path).json(body).send()).await
}
