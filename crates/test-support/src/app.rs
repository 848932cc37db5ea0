//! A running Tenantry.

use std::{sync::Arc, time::Duration};

use axum::Router;
use tenantry_api::Settings;
use tenantry_client::{
    Client,
    api_keys::NewApiKey,
    organizations::{NewOrganization, Organization, OrganizationStatus},
    users::NewUser,
};
use tenantry_domain::{Email, SystemClock};
use tenantry_sandbox::Sandbox;
use tenantry_services::{Services, bootstrap};
use tenantry_storage::{Options, Store};
use tenantry_temporal::{Temporal, egress::Policy};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{Database, Servers, TestClock};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A running Tenantry with an admin, on a database of its own.
pub struct App {
    /// Where it serves, without `/api/v0`.
    pub url: String,
    /// What it stores in.
    pub database: Database,
    /// The time, as it sees it.
    pub clock: Arc<TestClock>,
    /// The client of the first admin.
    pub admin: Client,
    /// The first admin's API key.
    pub admin_key: String,
    /// What it serves, for whoever asks without a connection.
    pub router: Router,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// What an app may be given besides its database and its Temporal.
pub struct Setup {
    /// How it reaches the database.
    pub options: Options,
    /// What an operator decides.
    pub settings: Settings,
    /// Routes beside those of the API, on the same port, with nothing of what surrounds those.
    pub beside: Router,
    /// Routes among those of the API, with all of what surrounds those.
    pub among: Router,
}

impl Default for Setup {
    /// Few connections, because tests share a server; no routes.
    fn default() -> Self {
        let options = Options { max_connections: 6, ..Options::default() };
        Self { options, settings: Settings::default(), beside: Router::new(), among: Router::new() }
    }
}

/// An organization, with a client for each role.
pub struct Tenant {
    /// Its slug.
    pub slug: String,
    /// The organization, when it had become active.
    pub organization: Organization,
    /// A manager's client.
    pub manager: Client,
    /// The manager's API key.
    pub manager_key: String,
    /// A customer's client.
    pub customer: Client,
    /// The customer's API key.
    pub customer_key: String,
}

impl App {
    /// Starts it, with the run's Temporal.
    pub async fn start() -> Self {
        Self::start_with(&Servers::get().temporal_address, Database::migrated().await).await
    }

    /// Starts it with these settings.
    pub async fn start_as(settings: Settings) -> Self {
        let setup = Setup { settings, ..Setup::default() };
        Self::launch(&Servers::get().temporal_address, Database::migrated().await, setup).await
    }

    /// Starts it on this database and with this Temporal, which may be away.
    pub async fn start_with(temporal_address: &str, database: Database) -> Self {
        Self::launch(temporal_address, database, Setup::default()).await
    }

    /// Starts it on this database, hearing of changes through another way to the same one.
    pub async fn start_hearing(temporal_address: &str, database: Database, through: &Database) -> Self {
        let mut setup = Setup::default();
        setup.options.listen_url = Some(through.url.clone());
        Self::launch(temporal_address, database, setup).await
    }

    /// Starts it on this database, with this Temporal, and set up like this.
    pub async fn launch(temporal_address: &str, database: Database, setup: Setup) -> Self {
        let clock = Arc::new(TestClock::default());
        let store = Store::new(&database.url, &setup.options).expect("the test's database has a URL");
        let admin_key = admin_key(&store).await;
        let temporal = Temporal::connect(temporal_address).expect("the test's Temporal has an address");
        let egress = Policy::allowing(["127.0.0.0/8".parse().expect("a network")]);
        let sandbox = Arc::new(Sandbox::new().expect("the sandbox was built for this machine"));
        let (services, reconciler) =
            Services::new(store, temporal, egress, sandbox, clock.clone()).expect("the services start");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound port"));
        let stop = CancellationToken::new();
        let router = tenantry_api::router_with(services, &setup.settings, setup.among).merge(setup.beside);
        let tasks = vec![
            tokio::spawn(tenantry_api::serve(listener, router.clone(), setup.settings.limits, stop.clone())),
            tokio::spawn(reconciler.run(stop.clone())),
        ];
        let admin = Client::new(&url, admin_key.clone()).expect("the server's URL is one");
        Self { url, database, clock, admin, admin_key, router, stop, tasks }
    }

    /// The client of whoever has this API key.
    pub fn client(&self, api_key: &str) -> Client {
        Client::new(&self.url, api_key.to_owned()).expect("the server's URL is one")
    }

    /// A new organization, once it is active, with a manager and a customer.
    pub async fn tenant(&self, slug: &str) -> Tenant {
        let new = NewOrganization { slug: slug.to_owned(), name: format!("The {slug} company") };
        let created =
            self.admin.organizations().create(&new).send().await.expect("the organization is created");
        let organization = self.active(&created.id).await;
        let (manager, manager_key) = self.user_with_key(slug, "manager").await;
        let (customer, customer_key) = self.user_with_key(slug, "customer").await;
        Tenant { slug: slug.to_owned(), organization, manager, manager_key, customer, customer_key }
    }

    /// The organization, once it is active.
    pub async fn active(&self, organization: &str) -> Organization {
        eventually("the organization is active", || async {
            let organization = self.admin.organizations().get(organization).send().await.ok()?;
            (organization.status == OrganizationStatus::Active).then_some(organization)
        })
        .await
    }

    async fn user_with_key(&self, slug: &str, role: &str) -> (Client, String) {
        let new = NewUser::person(format!("A {role}"), format!("{role}@{slug}.example"), role);
        let user = self.admin.users().create(slug, &new).send().await.expect("the user is created");
        let acting = self.admin.clone().with_organization(slug);
        let new = NewApiKey { name: "test".to_owned(), ..NewApiKey::default() };
        let key = acting.api_keys().create(&user.id, &new).send().await.expect("the key is created");
        let secret = key.secret.reveal().to_owned();
        (self.client(&secret), secret)
    }

    /// Stops it, as Ctrl-C would.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for task in std::mem::take(&mut self.tasks) {
            let ended = tokio::time::timeout(LIMIT, task).await.expect("the server ends in time");
            ended.expect("the server ends well");
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn admin_key(store: &Store) -> String {
    let email = Email::parse("admin@localhost").expect("an address");
    let first = bootstrap::first_admin(store, &SystemClock, &email).await.expect("the first admin is made");
    if let Some(secret) = first {
        return secret.reveal().to_owned();
    }
    let another = bootstrap::new_admin_key(store, &SystemClock, &email).await;
    another.expect("the admin gets another key").reveal().to_owned()
}

/// Waits until the condition holds, and fails the test when it does not for 30 s.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, condition: impl FnMut() -> F) -> T {
    within(LIMIT, what, condition).await
}

/// The same, for so long.
pub(crate) async fn within<T, F: Future<Output = Option<T>>>(
    limit: Duration,
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let waiting = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(limit, waiting).await;
    waited.unwrap_or_else(|_| panic!("not within {limit:?}: {what}"))
}
