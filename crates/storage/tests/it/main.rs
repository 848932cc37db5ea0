//! The schema and the two doors, on a real PostgreSQL.

mod catalog;
mod doors;
mod migrations;
mod rights;

use tenantry_domain::{
    Clock as _, OrgScope, Organization, OrganizationName, Slug, SystemClock, Timestamp,
    repository::OrganizationRepository as _,
};
use tenantry_storage::{Doors as _, Options, Store, Transaction as _};
use tenantry_test_support::Database;

fn now() -> Timestamp {
    SystemClock.now()
}

fn store(database: &Database) -> Store {
    Store::new(&database.url, &Options { max_connections: 4, ..Options::default() }).expect("a store")
}

async fn organization(store: &Store, slug: &str) -> Organization {
    let mut tx = store.platform().await.expect("the platform's door opens");
    let (slug, name) = (Slug::parse(slug).expect("a slug"), OrganizationName::parse(slug).expect("a name"));
    let organization = tx.insert_organization(&slug, &name, now()).await.expect("the organization is new");
    tx.commit().await.expect("it is kept");
    organization
}

fn scope(organization: &Organization) -> OrgScope {
    #[expect(clippy::disallowed_methods, reason = "a test acts for the organization it made")]
    OrgScope::for_reconciler(organization)
}
