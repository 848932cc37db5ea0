//! The audit log: read, verified, and told of refusals.

use std::sync::Arc;

use serde_json::json;
use tenantry_domain::{
    Clock, OrgScope, Permission,
    audit::{Action, Entry, Event, Outcome, Resource},
};
use tenantry_storage::{
    Page, PageRequest, Store,
    audit::{self, Filter, Verification},
};

use crate::Error;

/// The audit log.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Audit {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// The organization's log, newest first.
    pub async fn list(
        &self,
        scope: &OrgScope,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<Entry>, Error> {
        let mut tx = self.store.tenant(scope).await?;
        Ok(audit::list(&mut tx, filter, page).await?)
    }

    /// The logs of all organizations, newest first, for admins.
    pub async fn list_all(&self, filter: &Filter, page: PageRequest) -> Result<Page<Entry>, Error> {
        let mut tx = self.store.platform().await?;
        Ok(audit::list_all(&mut tx, filter, page).await?)
    }

    /// Whether the organization's log is whole: no entry was altered or removed since it was written.
    pub async fn verify(&self, scope: &OrgScope) -> Result<Verification, Error> {
        let mut tx = self.store.tenant(scope).await?;
        Ok(audit::verify(&mut tx).await?)
    }

    /// Records that somebody tried what their role does not allow.
    pub async fn denied(&self, scope: &OrgScope, permission: Permission) -> Result<(), Error> {
        let mut tx = self.store.tenant(scope).await?;
        let event = Event {
            action: Action::Access,
            resource: Resource::Organization(scope.organization()),
            outcome: Outcome::Denied,
            changes: Some(json!({ "permission": permission })),
        };
        audit::record(&mut tx, self.clock.now(), event).await?;
        Ok(tx.commit().await?)
    }
}
