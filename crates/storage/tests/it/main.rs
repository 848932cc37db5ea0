//! The schema and the two doors, on a real PostgreSQL.

mod api_keys;
mod catalog;
mod connections;
mod doors;
mod drift;
mod executions;
mod migrations;
mod plans;
mod rights;
mod schedules;
mod secrets;

use sqlx::{Executor as _, PgConnection, Row as _};
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

/// Two organizations on a database of their own.
struct Neighbours {
    database: Database,
    store: Store,
    a: OrgScope,
    b: OrgScope,
}

async fn neighbours() -> Neighbours {
    let database = Database::migrated().await;
    let store = store(&database);
    let (a, b) = (scope(&organization(&store, "aaa").await), scope(&organization(&store, "bbb").await));
    Neighbours { database, store, a, b }
}

/// What the role of a tenant's door sees with a connection of its own, whatever our code asks.
async fn as_application(database: &Database, scope: &OrgScope) -> PgConnection {
    let mut connection = database.owner().await;
    let organization = scope.organization().uuid();
    let sql = format!("set role tenantry_application; set tenantry.organization_id = '{organization}'");
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.expect("the owner may become the role");
    connection
}

/// How many rows a table has for a tenant, when the query forgets to name the organization.
async fn visible(database: &Database, scope: &OrgScope, table: &str) -> i64 {
    let query = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    let row = as_application(database, scope).await.fetch_one(query).await.expect(table);
    row.get(0)
}
