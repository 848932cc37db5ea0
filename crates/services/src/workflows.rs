//! Workflow definitions of an organization.

use std::sync::Arc;

use serde_json::json;
use tenantry_domain::{
    Clock, Invalid, OrgScope, Page, PageRequest, Precondition, Quota, Workflow, WorkflowName,
    audit::{Action, Event, Resource},
};
use tenantry_dsl::{Definition, expression::Evaluator};
use tenantry_storage::{
    Access, Doors, Store, Transaction as _, audit, quotas,
    workflows::{self, NewRevision},
};

use crate::{Error, shares::Shares};

/// How many definitions are read at the same time.
const AT_ONCE: usize = 2;

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
        if let Some(workflow) = latest.as_ref().filter(|latest| latest.digest == digest) {
            return Ok(Applied { workflow: workflow.clone(), created: false });
        }
        if latest.is_none() {
            // The new one is counted already.
            quotas::check(tx.as_mut(), Quota::Workflows, now).await??;
        }
        let revision = latest.as_ref().map_or(1, |latest| latest.revision + 1);
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

    /// The workflows that the actor can reach, each in its latest revision, newest first.
    pub async fn list(&self, scope: &OrgScope, page: PageRequest) -> Result<Page<Workflow>, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        Ok(workflows::list(tx.as_mut(), page).await?)
    }
}
