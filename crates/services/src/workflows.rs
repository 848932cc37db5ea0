//! Workflow definitions of an organization.

use std::sync::Arc;

use serde_json::json;
use tenantry_domain::{
    Clock, Invalid, OrgScope, Page, PageRequest, Permission, Precondition, Quota, Revision, ScheduleId,
    Workflow, WorkflowName,
    audit::{Action, Event, Resource},
};
use tenantry_dsl::{Definition, expression::Evaluator};
use tenantry_storage::{
    Access, Doors, Store, Transaction as _, audit, quotas, schedules,
    workflows::{self, NewRevision},
};

use crate::{Error, shares::Shares};

/// How many definitions are read at the same time.
const AT_ONCE: usize = 2;
/// How many of the schedules that are in the way of a deletion are named.
const MOST_NAMED: usize = 5;

/// Workflow definitions.
#[derive(Clone)]
pub struct Workflows<D = Store> {
    doors: D,
    evaluator: Arc<dyn Evaluator>,
    clock: Arc<dyn Clock>,
    shares: Arc<Shares>,
}

/// What an upload did.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The workflow, in its latest revision.
    pub workflow: Workflow,
    /// Whether this upload made a new revision of it.
    pub created: bool,
}

impl<D: Doors> Workflows<D> {
    /// Over this store. The evaluator says whether expressions compile.
    pub fn new(doors: D, evaluator: Arc<dyn Evaluator>, clock: Arc<dyn Clock>) -> Self {
        Self { doors, evaluator, clock, shares: Arc::new(Shares::new(AT_ONCE)) }
    }

    /// Reads a definition, YAML or JSON, where that keeps nobody waiting: what checking it costs, its author decides. Few are read at
    /// the same time, and of one organization one.
    ///
    /// # Errors
    /// [`Error::Definition`] when it cannot be run.
    pub async fn parse(&self, scope: &OrgScope, source: String) -> Result<Definition, Error> {
        let turn = self.shares.take(scope.organization()).await;
        let evaluator = Arc::clone(&self.evaluator);
        let parsing = tokio::task::spawn_blocking(move || {
            // The turn ends with the work, not with the request: who does not wait for the answer has not paid less.
            let _turn = turn;
            Definition::parse(&source, &*evaluator)
        });
        Ok(parsing.await.map_err(|error| Error::Internal(Box::new(error)))??)
    }

    /// Uploads a definition, YAML or JSON. It is a new revision if it says something else than the latest one; how it is
    /// written does not count.
    ///
    /// # Errors
    /// [`Error::Definition`] when it cannot be run; [`Error::Invalid`] when its `document.name` is another; [`Error::NotFound`] when
    /// the actor cannot reach it, whether it is there or not; [`Error::Stale`] unless its latest revision is as expected.
    pub async fn apply(
        &self,
        scope: &OrgScope,
        name: &WorkflowName,
        expected: &Precondition,
        source: String,
    ) -> Result<Applied, Error> {
        if !scope.reaches_workflow(name) {
            return Err(Error::NotFound("workflow"));
        }
        let definition = self.parse(scope, source).await?;
        if definition.name() != name.as_str() {
            return Err(Invalid::new("document.name", format!("must be the name in the path, {name}")).into());
        }
        let (now, digest) = (self.clock.now(), definition.digest());
        let mut tx = self.doors.tenant(scope, Access::Write).await?;
        let id = workflows::lock(tx.as_mut(), name, now).await?;
        let latest = workflows::get(tx.as_mut(), name, None).await?;
        expected.check_any(latest.as_ref())?;
        let is_new = latest.is_none();
        if let Some(workflow) = latest.as_ref().filter(|latest| latest.digest == digest) {
            return Ok(Applied { workflow: workflow.clone(), created: false });
        }
        let revision = match latest {
            Some(latest) => latest.revision + 1,
            None => workflows::begin(tx.as_mut(), id).await?,
        };
        if is_new {
            // It is counted already.
            quotas::check(tx.as_mut(), Quota::Workflows, now).await??;
        }
        let new = NewRevision {
            document_version: definition.version(),
            digest: &digest,
            definition: definition.json(),
        };
        workflows::insert_revision(tx.as_mut(), id, revision, new, now).await?;
        let event = Event::done(Action::WorkflowApply, Resource::Workflow(id))
            .with_changes(json!({ "name": name, "revision": revision, "digest": digest }));
        audit::record(tx.as_mut(), now, event).await?;
        let workflow = workflows::get(tx.as_mut(), name, None).await?.ok_or(Error::NotFound("workflow"))?;
        tx.commit().await?;
        Ok(Applied { workflow, created: true })
    }

    /// A workflow, in its latest revision.
    pub async fn get(&self, scope: &OrgScope, name: &WorkflowName) -> Result<Workflow, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        workflows::get(tx.as_mut(), name, None).await?.ok_or(Error::NotFound("workflow"))
    }

    /// One revision of a workflow.
    pub async fn revision(
        &self,
        scope: &OrgScope,
        name: &WorkflowName,
        revision: Revision,
    ) -> Result<Workflow, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        workflows::find(tx.as_mut(), name).await?.ok_or(Error::NotFound("workflow"))?;
        let found = workflows::get(tx.as_mut(), name, Some(revision)).await?;
        found.ok_or(Error::NotFound("revision of a workflow"))
    }

    /// The revisions of a workflow that come before one, or all, newest first.
    pub async fn revisions(
        &self,
        scope: &OrgScope,
        name: &WorkflowName,
        before: Option<Revision>,
        page: PageRequest,
    ) -> Result<Page<Workflow>, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        let id = workflows::find(tx.as_mut(), name).await?.ok_or(Error::NotFound("workflow"))?;
        Ok(workflows::revisions(tx.as_mut(), id, before, page).await?)
    }

    /// Deletes a workflow: nothing can be started of it any more, and its name is free. What it has started goes on, and is recorded as
    /// before. When the name is used again, its revisions go on where they ended, so that no two definitions are ever the same revision
    /// of a workflow.
    ///
    /// # Errors
    /// [`Error::Stale`] unless its latest revision is as expected; [`Error::Conflict`] while schedules start it.
    pub async fn delete(
        &self,
        scope: &OrgScope,
        name: &WorkflowName,
        expected: &Precondition,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.doors.tenant(scope, Access::Write).await?;
        workflows::find(tx.as_mut(), name).await?.ok_or(Error::NotFound("workflow"))?;
        let id = workflows::lock(tx.as_mut(), name, now).await?;
        let latest = workflows::get(tx.as_mut(), name, None).await?.ok_or(Error::NotFound("workflow"))?;
        expected.check(&latest)?;
        // Deleted first: a schedule that is being made is there afterwards, or is not made.
        workflows::delete(tx.as_mut(), id).await?;
        let limit = i64::try_from(MOST_NAMED + 1).unwrap_or(i64::MAX);
        let schedules = schedules::of_workflow(tx.as_mut(), id, limit).await?;
        if !schedules.is_empty() {
            return Err(Error::conflict(in_the_way(scope, &schedules)));
        }
        let event = Event::done(Action::WorkflowDelete, Resource::Workflow(id))
            .with_changes(json!({ "name": name, "revision": latest.revision, "digest": latest.digest }));
        audit::record(tx.as_mut(), now, event).await?;
        Ok(tx.commit().await?)
    }

    /// The workflows that the actor can reach, each in its latest revision, newest first.
    pub async fn list(&self, scope: &OrgScope, page: PageRequest) -> Result<Page<Workflow>, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        Ok(workflows::list(tx.as_mut(), page).await?)
    }
}

/// Says which schedules start a workflow that is to be deleted, to those who may read them.
fn in_the_way(scope: &OrgScope, schedules: &[ScheduleId]) -> String {
    let named = schedules.iter().take(MOST_NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = if schedules.len() > MOST_NAMED { " and more" } else { "" };
    let which =
        if scope.allows(Permission::ReadSchedules) { format!(" ({named}{more})") } else { String::new() };
    format!("schedules start this workflow{which}; delete them first")
}
