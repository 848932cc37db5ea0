//! The server: its parts put together, served, and stopped in order. `tenantry serve` and `tenantry dev` differ only in where
//! PostgreSQL and Temporal come from.

use std::{sync::Arc, time::Duration};

use tenantry_domain::{Clock, SystemClock, chain};
use tenantry_sandbox::Sandbox;
use tenantry_services::Services;
use tenantry_storage::{Options, Store, migrate};
use tenantry_temporal::{Temporal, egress};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    failure::{Exit, Failure},
    front::Listener,
    safety::Safety,
};

/// How long requests and workers that had begun have to end.
const GRACE: Duration = Duration::from_secs(10);

/// What the server needs besides an address.
pub(crate) struct Settings {
    pub(crate) database_url: String,
    pub(crate) temporal_address: String,
    pub(crate) egress: egress::Policy,
    pub(crate) database_connections: u32,
    pub(crate) api: tenantry_api::Settings,
    /// Where to hear of revocations, if not at the database's own URL.
    pub(crate) listen_database_url: Option<String>,
    pub(crate) safety: Safety,
}

/// The server, ready to run.
pub(crate) struct Server {
    pub(crate) store: Store,
    services: Services,
    api: tenantry_api::Settings,
    reconciler: tenantry_services::Reconciler,
    safety: Safety,
}

impl Server {
    pub(crate) fn new(settings: Settings) -> Result<Self, Failure> {
        let options = Options {
            max_connections: settings.database_connections,
            listen_url: settings.listen_database_url,
            ..Options::default()
        };
        let store = open_store(&settings.database_url, &options)?;
        let temporal = Temporal::connect(&settings.temporal_address)
            .map_err(|error| Failure::invalid(format!("--temporal-address (TEMPORAL_ADDRESS): {error}")))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let start = |error: &dyn std::error::Error| Failure::new(Exit::Failed, "start", chain(error));
        let sandbox = Arc::new(Sandbox::new().map_err(|error| start(&error))?);
        let services = Services::new(store.clone(), temporal, settings.egress, sandbox, clock);
        let (services, reconciler) = services.map_err(|error| start(&error))?;
        Ok(Self { store, services, api: settings.api, reconciler, safety: settings.safety })
    }

    /// Who presents this API key, if anybody.
    pub(crate) async fn knows(&self, api_key: &str) -> bool {
        matches!(self.services.authentication.authenticate(api_key).await, Ok(Some(_)))
    }

    /// Refuses a database in which the server could see past row-level security.
    pub(crate) async fn check_roles(&self) -> Result<(), Failure> {
        match self.store.unsafe_role().await {
            Ok(None) => Ok(()),
            Ok(Some(role)) => {
                let message = format!("the database role {role} could bypass row-level security");
                Err(Failure::new(Exit::Failed, "role", message)
                    .with_hint(format!("alter role {role} nosuperuser nobypassrls; and let it own no table")))
            }
            Err(error) => Err(Failure::new(Exit::Unavailable, "unavailable", chain(&error))),
        }
    }

    /// Refuses a Temporal that does not keep organizations apart, if it has to.
    pub(crate) async fn check_temporal(&self) -> Result<(), Failure> {
        self.safety.check(&self.services).await
    }

    /// Serves until it is told to stop, then lets what had begun end.
    pub(crate) async fn run(self, listener: Listener, stop: CancellationToken) -> Result<(), Failure> {
        let Self { store, services, api, reconciler, safety } = self;
        let mut parts = JoinSet::new();
        let router = tenantry_api::router(services.clone(), &api);
        let serving = tenantry_api::serve(listener.listener, router, api.limits, stop.clone());
        parts.spawn(well(serving));
        parts.spawn(well(reconciler.run(stop.clone())));
        let stopped = stop.clone();
        parts.spawn(async move { safety.watch(&services, &stopped).await });
        // No part ends by itself, if all is well: the first that does, ends the others.
        let first = parts.join_next().await;
        stop.cancel();
        let rest = timeout(GRACE, async { while parts.join_next().await.is_some() {} }).await;
        if rest.is_err() {
            tracing::warn!("some requests did not end in time and were cut off");
        }
        let _ = timeout(GRACE, store.close()).await;
        match first {
            Some(Err(error)) => {
                Err(Failure::new(Exit::Failed, "internal", format!("a part of the server panicked: {error}")))
            }
            Some(Ok(ended)) => ended,
            None => Ok(()),
        }
    }
}

/// A part that ends well, whenever it does.
async fn well(part: impl Future<Output = ()>) -> Result<(), Failure> {
    part.await;
    Ok(())
}

/// A stop that Ctrl-C, or whoever supervises the process, asks for. The second Ctrl-C does not wait for order.
pub(crate) fn stop_on_signal() -> Result<CancellationToken, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked.is_cancelled() {
                std::process::exit(130);
            }
            asked.cancel();
        }
    });
    Ok(stop)
}

/// The store behind this URL. Nothing connects yet: what is wrong here is the URL.
pub(crate) fn open_store(database_url: &str, options: &Options) -> Result<Store, Failure> {
    let is_postgres =
        |url: &str| ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    if !options.listen_url.as_deref().is_none_or(is_postgres) {
        return Err(bad_database_url("--listen-database-url (TENANTRY_LISTEN_DATABASE_URL)"));
    }
    let store = is_postgres(database_url).then(|| Store::new(database_url, options).ok()).flatten();
    store.ok_or_else(|| bad_database_url("--database-url (DATABASE_URL)"))
}

/// Refuses a database whose schema is not this version's.
pub(crate) async fn check_schema(mut database: migrate::Database) -> Result<(), Failure> {
    let status = database.status().await.map_err(|error| migration_failed(&error))?;
    let missing = status.iter().filter(|step| !step.applied).count();
    if missing == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        "schema",
        format!("the database lacks {missing} migrations of this version"),
    )
    .with_hint("apply them with `tenantry migrate up`"))
}

pub(crate) fn migration_failed(error: &migrate::Error) -> Failure {
    let exit = if matches!(error, migrate::Error::Connect(_)) { Exit::Unavailable } else { Exit::Failed };
    Failure::new(exit, "migration", chain(error))
}

fn bad_database_url(setting: &str) -> Failure {
    // What is wrong with it is not repeated: it holds a password.
    let expected = "must be a URL such as postgres://user:password@host:5432/database";
    Failure::invalid(format!("{setting} {expected}"))
}
