//! What Temporal finds hosted executions by, for whoever looks at a namespace with Temporal's own tools.
//!
//! Each namespace has these search attributes of ours; a namespace without them cannot be started in. Temporal's SQL visibility
//! has ten columns for keywords and three for integers in a namespace, and tenants want some of them for their own workers: so
//! there are few. To add one: a key, and a line in `all`, in `PROBE` and in `of`; the reconciler adds it to the namespaces that
//! there are.

use std::collections::HashMap;

use temporalio_common::search_attributes::{SearchAttributeKey, SearchAttributeUpdate, SearchAttributes};

use tenantry_domain::{ExecutionId, Revision};

use crate::Error;

/// The workflow's name.
const WORKFLOW: SearchAttributeKey<String> = SearchAttributeKey::keyword("TenantryWorkflow");
/// The execution's id, as REST has it.
const EXECUTION_ID: SearchAttributeKey<String> = SearchAttributeKey::keyword("TenantryExecutionId");
/// The revision of the workflow that runs.
const REVISION: SearchAttributeKey<i64> = SearchAttributeKey::int("TenantryRevision");

/// The name and type of each.
fn all() -> [(&'static str, i32); 3] {
    [
        (WORKFLOW.name(), WORKFLOW.indexed_value_type().into()),
        (EXECUTION_ID.name(), EXECUTION_ID.indexed_value_type().into()),
        (REVISION.name(), REVISION.indexed_value_type().into()),
    ]
}

/// A query that names them all and finds nothing: Temporal refuses it where it does not know one.
pub(crate) const PROBE: &str = "TenantryWorkflow = '' and TenantryExecutionId = '' and TenantryRevision = 0";

/// Those that are not among these, as Temporal wants them to be added.
pub(crate) fn missing(known: &HashMap<String, i32>) -> HashMap<String, i32> {
    let missing = all().into_iter().filter(|(name, _)| !known.contains_key(*name));
    missing.map(|(name, kind)| (name.to_owned(), kind)).collect()
}

/// One that is there and is of another type.
pub(crate) fn mistaken(known: &HashMap<String, i32>) -> Option<&'static str> {
    let mut all = all().into_iter();
    all.find(|(name, kind)| known.get(*name).is_some_and(|known| known != kind)).map(|(name, _)| name)
}

/// Those of an execution.
pub(crate) fn of(
    execution: ExecutionId,
    workflow: &str,
    revision: Revision,
) -> Result<[SearchAttributeUpdate; 3], Error> {
    Ok([
        WORKFLOW.try_value_set(workflow.to_owned()).map_err(Error::internal)?,
        EXECUTION_ID.try_value_set(execution.to_string()).map_err(Error::internal)?,
        REVISION.try_value_set(revision.into()).map_err(Error::internal)?,
    ])
}

/// What is known of an execution before a schedule has started it.
pub(crate) fn of_workflow(workflow: &str) -> Result<SearchAttributes, Error> {
    let workflow = WORKFLOW.try_value_set(workflow.to_owned()).map_err(Error::internal)?;
    Ok(SearchAttributes::new([workflow]))
}
