//! What a namespace says of its owner, in its data.

use std::collections::HashMap;

use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeNamespaceResponse;
use tenantry_domain::OrgScope;

use super::name;
use crate::Error;

/// The key of the id of the organization that owns it.
const KEY: &str = "tenantry.organization";

/// Whom a namespace that is not somebody else's says it belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Ours,
    Nobody,
}

/// What the namespace of this organization says.
pub(super) fn mark(scope: &OrgScope) -> HashMap<String, String> {
    HashMap::from([(KEY.to_owned(), scope.organization().to_string())])
}

/// What this one says.
pub(super) fn of(scope: &OrgScope, found: &DescribeNamespaceResponse) -> Result<Owner, Error> {
    let mark = found.namespace_info.as_ref().and_then(|info| info.data.get(KEY));
    match mark.map(String::as_str) {
        None | Some("") => Ok(Owner::Nobody),
        Some(owner) if owner == scope.organization().to_string() => Ok(Owner::Ours),
        Some(_) => Err(foreign(scope)),
    }
}

/// The namespace is not this organization's.
pub(super) fn foreign(scope: &OrgScope) -> Error {
    Error::ForeignNamespace { namespace: name(scope) }
}
