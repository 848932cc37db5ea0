//! The parts of a running Tenantry that benchmarks need besides those of the tests.

use tenantry_client::Error;
use tenantry_domain::{Quota, repository::OrganizationRepository as _};
use tenantry_storage::{Doors as _, Options, Store, Transaction as _, quotas};
use tenantry_test_support::{App, Tenant};

/// A new organization that may call and make keys as often as anybody may.
pub async fn tenant(app: &App, slug: &str) -> Tenant {
    let tenant = app.tenant(slug).await;
    let quotas = [Quota::RequestsPerSecond, Quota::ApiKeys].map(|quota| (quota, quota.max_limit()));
    set_quotas(app, &tenant, &quotas).await;
    tenant
}

/// Sets what the organization may have, to more than an admin may give, too.
pub async fn set_quotas(app: &App, tenant: &Tenant, limits: &[(Quota, u32)]) {
    let store = Store::new(&app.database.url, &Options::default()).expect("the database has a URL");
    let mut tx = store.platform().await.expect("the platform's door opens");
    let organization = tx.organization_by_slug(&tenant.slug).await.expect("PostgreSQL answers");
    let organization = organization.expect("the organization was made").id;
    quotas::set(&mut tx, organization, limits).await.expect("the limits are set");
    tx.commit().await.expect("the limits are kept");
}

/// Makes a call again that met a server without room.
pub async fn insist<T, F: Future<Output = Result<T, Error>>>(call: impl Fn() -> F) -> T {
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
    }
}
