//! The probe of Temporal: in two namespaces that belong to the deployment.

use tenantry_domain::{Namespace, OrgScope, Organization, Slug, repository::OrganizationRepository as _};
use tenantry_storage::{Doors as _, Store};
use tenantry_temporal::{Finding, Probe, Temporal};

use crate::{Error, provisioner::scope};

/// What an operator should change about Temporal.
///
/// # Errors
/// [`Error::Unavailable`] when Temporal or PostgreSQL is away: it cannot be known yet.
pub(crate) async fn probe(store: &Store, temporal: &Temporal) -> Result<Vec<Finding>, Error> {
    let system = {
        let mut tx = store.platform().await?;
        tx.system_organization().await?
    };
    let [one, other] = ["tenantry-probe-one", "tenantry-probe-two"].map(|name| of_deployment(&system, name));
    Ok(Probe::new(temporal.clone()).run(&one, &other).await?)
}

/// The system organization's scope in a namespace that is neither its own nor anybody's. Its id tells deployments that share a Temporal apart.
fn of_deployment(system: &Organization, name: &str) -> OrgScope {
    let namespace = Namespace::of(&Slug::from_storage(name.to_owned()), system.id);
    scope(&Organization { namespace, ..system.clone() })
}
