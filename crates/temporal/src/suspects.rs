//! Organizations on whose namespaces a call cast doubt, for the reconciler to look at before their turn.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use tenantry_domain::OrganizationId;

/// Organizations, each once. What is noted here and lost with the process, the reconciler's regular look finds.
#[derive(Debug, Default)]
pub(crate) struct Suspects(Mutex<HashSet<OrganizationId>>);

impl Suspects {
    /// Notes one.
    pub(crate) fn note(&self, organization: OrganizationId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(organization);
    }

    /// Those that were noted since this was asked last.
    pub(crate) fn take(&self) -> Vec<OrganizationId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}
