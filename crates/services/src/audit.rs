//! The audit log: read, verified, and told of refusals.

use std::sync::Arc;

use serde_json::json;
use tenantry_domain::{
    Clock, OrgScope, Page, PageRequest, Permission,
    audit::{Action, Entry, Event, Outcome, Resource},
};
use tenantry_storage::{
    Access, Doors, Store, Transaction as _,
    audit::{self, Filter, Verification},
};

use crate::Error;

/// The audit log.
#[derive(Clone)]
pub struct Audit<D = Store> {
    doors: D,
    clock: Arc<dyn Clock>,
}

impl<D: Doors> Audit<D> {
    /// Over this store.
    pub fn new(doors: D, clock: Arc<dyn Clock>) -> Self {
        Self { doors, clock }
    }

    /// The organization's log, newest first.
    pub async fn list(
        &self,
        scope: &OrgScope,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<Entry>, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        Ok(audit::list(tx.as_mut(), filter, page).await?)
    }

    /// The logs of all organizations, newest first, for admins.
    pub async fn list_all(&self, filter: &Filter, page: PageRequest) -> Result<Page<Entry>, Error> {
        let mut tx = self.doors.platform().await?;
        Ok(audit::list_all(tx.as_mut(), filter, page).await?)
    }

    /// Whether the organization's log is whole: no entry was altered or removed since it was written.
    pub async fn verify(&self, scope: &OrgScope) -> Result<Verification, Error> {
        let mut tx = self.doors.tenant(scope, Access::Read).await?;
        Ok(audit::verify(tx.as_mut()).await?)
    }

    /// Records that somebody tried what their role does not allow.
    pub async fn denied(&self, scope: &OrgScope, permission: Permission) -> Result<(), Error> {
        let resource = Resource::Organization(scope.organization());
        self.record(scope, denial(Action::Access, resource).with_changes(json!({ "permission": permission })))
            .await
    }

    /// Records that the actor was refused, if they were; what was refused has left nothing behind. Answers what was done.
    pub(crate) async fn watch<T>(
        &self,
        scope: &OrgScope,
        action: Action,
        resource: Resource,
        done: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Err(Error::Forbidden(_)) = done {
            self.record(scope, denial(action, resource)).await?;
        }
        done
    }

    async fn record(&self, scope: &OrgScope, event: Event) -> Result<(), Error> {
        let mut tx = self.doors.tenant(scope, Access::Write).await?;
        audit::record(tx.as_mut(), self.clock.now(), event).await?;
        Ok(tx.commit().await?)
    }
}

fn denial(action: Action, resource: Resource) -> Event {
    Event { action, resource, outcome: Outcome::Denied, changes: None }
}
