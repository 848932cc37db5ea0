//! From an API key to a caller.

use std::sync::Arc;

use tenantry_domain::{Caller, Clock, Secret};
use tenantry_storage::{Store, api_keys};

use crate::Error;

/// Turns API keys into callers.
#[derive(Clone)]
pub struct Authentication {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Authentication {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Who presents this secret. Malformed, unknown, expired and revoked ones are all nobody, and nothing says which.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<Caller>, Error> {
        let Ok(secret) = Secret::parse(secret) else { return Ok(None) };
        Ok(api_keys::authenticate(&self.store, &secret.hash(), self.clock.now()).await?)
    }
}
