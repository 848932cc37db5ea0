//! Where executions end.

use std::{error::Error, pin::Pin};

use serde_json::Value;
use tenantry_domain::{ExecutionId, OrgScope, execution::Outcome};

/// A write under way.
pub type Recording<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Writes down how executions ended.
///
/// It is called at least once for each execution that ends by itself or is cancelled, and again until it succeeds, so
/// writing the same outcome twice must be the same as writing it once.
pub trait ExecutionJournal: Send + Sync + 'static {
    /// Writes down that the organization's execution ended this way, with the states of its tasks if they are known: a list of JSON
    /// objects within the limits of [`tenantry_dsl::limits`]. That there is no such execution is not an error.
    fn record_outcome<'a>(
        &'a self,
        scope: &'a OrgScope,
        execution: ExecutionId,
        outcome: Outcome,
        tasks: Option<Value>,
    ) -> Recording<'a>;
}
