//! What happened in an execution, which Temporal alone remembers.

use tenantry_domain::{
    ExecutionId, Invalid, OrgScope, Page, Quota,
    execution::{HistoryEvent, HistoryPlace},
};
use tenantry_storage::{Access, Doors as _, executions, quotas};

use super::Executions;
use crate::Error;

impl Executions {
    /// The `limit` events of an execution that follow a place in its history, or the first; the oldest first. There are none before
    /// Temporal has the execution.
    ///
    /// # Errors
    /// [`Error::Forgotten`] when Temporal does not have the history any more; [`Error::Invalid`] when the place is in no history of this
    /// execution; [`Error::Unavailable`] when Temporal is away.
    pub async fn history(
        &self,
        scope: &OrgScope,
        id: ExecutionId,
        after: Option<HistoryPlace>,
        limit: u16,
    ) -> Result<Page<HistoryEvent>, Error> {
        let mut tx = self.store.tenant(scope, Access::Read).await?;
        let execution = executions::get(&mut tx, id).await?.ok_or(Error::NotFound("execution"))?;
        let retention_days = quotas::get(&mut tx).await?.limit(Quota::RetentionDays);
        drop(tx);
        if after.is_some_and(|place| place.execution != id) {
            return Err(nowhere());
        }
        if execution.run_id.is_none() {
            return Ok(Page { items: Vec::new(), more: false });
        }
        let page =
            self.dispatcher.history(&scope.for_background(), &execution.handle(), after, limit).await?;
        match (page, after) {
            (Some(page), _) => Ok(page),
            (None, Some(_)) => Err(nowhere()),
            (None, None) => Err(Error::Forgotten { retention_days }),
        }
    }
}

fn nowhere() -> Error {
    Invalid::new("cursor", "must be the next_cursor of the page before").into()
}
