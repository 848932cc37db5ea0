//! Services on a store that dies at any step: what was begun is finished after a restart, and what was not leaves nothing.

mod failing;
mod lifecycle;
mod members;

use std::{sync::Arc, time::Duration};

use sqlx::Row as _;
use tenantry_domain::{
    ApiKeyName, Caller, Clock, Email, OrgScope, OrganizationName, Role, Slug, SystemClock, UserName,
    api_key::NewApiKey, user::NewUser,
};
use tenantry_services::{Provisioner, audit::Audit, bootstrap, organizations::Organizations, users::Users};
use tenantry_storage::{Doors, Options, Store};
use tenantry_temporal::{Namespaces, Temporal};
use tenantry_test_support::{Database, Servers, TestClock};
use tokio::sync::Notify;

/// A deployment without its processes: what is stored, and the first admin.
struct Deployment {
    store: Store,
    database: Database,
    clock: Arc<TestClock>,
    temporal: Temporal,
    admin: Caller,
}

async fn deployment() -> Deployment {
    let database = Database::migrated().await;
    let store = new_store(&database);
    let email = Email::parse("admin@localhost").expect("an address");
    let secret = bootstrap::first_admin(&store, &SystemClock, &email).await.expect("a query");
    let hash = secret.expect("the first admin").hash();
    let found = tenantry_storage::api_keys::authenticate(&store, &hash, SystemClock.now()).await;
    let admin = found.expect("a query").expect("the key is good");
    let temporal = Temporal::connect(&Servers::get().temporal_address).expect("an address");
    Deployment { store, database, clock: Arc::new(TestClock::default()), temporal, admin }
}

fn new_store(database: &Database) -> Store {
    Store::new(&database.url, &Options { max_connections: 4, ..Options::default() }).expect("a store")
}

impl Deployment {
    /// What a process that starts again opens.
    fn new_store(&self) -> Store {
        new_store(&self.database)
    }

    fn organizations<D: Doors>(&self, doors: D) -> Organizations<D> {
        Organizations::new(doors, self.clock.clone(), Arc::new(Notify::new()))
    }

    fn users<D: Doors>(&self, doors: D) -> Users<D> {
        Users::new(doors.clone(), Audit::new(doors, self.clock.clone()), self.clock.clone())
    }

    fn api_keys<D: Doors>(&self, doors: D) -> tenantry_services::api_keys::ApiKeys<D> {
        let audit = Audit::new(doors.clone(), self.clock.clone());
        tenantry_services::api_keys::ApiKeys::new(doors, audit, self.clock.clone())
    }

    fn namespaces(&self) -> Namespaces {
        Namespaces::new(self.temporal.clone())
    }

    fn provisioner<D: Doors>(&self, doors: D) -> Provisioner<D> {
        Provisioner::new(doors, self.namespaces(), self.clock.clone())
    }

    /// Waits until PostgreSQL has no transaction of this deployment's any more.
    async fn at_rest(&self) {
        let query = "select count(*) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null";
        let mut owner = self.database.owner().await;
        while sqlx::query(query).fetch_one(&mut owner).await.expect("a query").get::<i64, _>(0) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets the reconciler do what is due.
    async fn work(&self) {
        self.provisioner(self.store.clone()).work().await.expect("nothing is in its way");
    }

    /// A new organization, in which the admin acts.
    async fn organization(&self, slug: &str) -> OrgScope {
        let (slug, name) =
            (Slug::parse(slug).expect("a slug"), OrganizationName::parse(slug).expect("a name"));
        let created = self.organizations(self.store.clone()).create(&self.admin, &slug, &name).await;
        self.admin.scope_of(&created.expect("it is new")).expect("an admin enters")
    }

    /// How many rows of an organization there are in each table.
    async fn rows(&self, table: &'static str, scope: &OrgScope) -> i64 {
        let query = format!("select count(*) from {table} where organization_id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(scope.organization().uuid())
            .fetch_one(&mut self.database.owner().await)
            .await;
        row.expect(table).get(0)
    }
}

fn manager(email: &str) -> NewUser {
    let name = UserName::parse("Ada").expect("a name");
    NewUser::new(name, Some(Email::parse(email).expect("an address")), Role::Manager).expect("a user")
}

fn key() -> NewApiKey {
    NewApiKey::named(ApiKeyName::parse("key").expect("a name"))
}
