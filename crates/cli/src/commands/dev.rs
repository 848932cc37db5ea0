//! `tenantry dev`: everything on one machine, from nothing, with one command.

mod banner;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::json;
use tempfile::NamedTempFile;
use tenantry_domain::{Email, SystemClock, chain};
use tenantry_embedded::{Home, Progress, postgres, temporal};
use tenantry_services::bootstrap::{first_admin, new_admin_key};
use tenantry_storage::migrate;
use tenantry_temporal::egress;
use tokio_util::sync::CancellationToken;

use crate::{
    commands::bootstrap::failed,
    failure::{Exit, Failure},
    front::{Front, Listener},
    logging::{Format, Logging},
    output::note,
    profile::{self, FILE_NAME, Profile},
    safety::Safety,
    server::{Server, Settings, migration_failed, stop_on_signal},
};

const EXAMPLE: &str = "\
Example:
  tenantry dev --home /tmp/second --http-addr 127.0.0.1:0 --ready-file /tmp/second.json";
const PROFILE: &str = "dev";
const ADMIN: &str = "admin@localhost";
/// What definitions may call beside the public Internet: servers that run on the developer's own machine.
const LOOPBACK: &str = "127.0.0.0/8,::1/128";

/// Run everything on this machine: a private PostgreSQL, a private Temporal, the server
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Dev {
    /// The folder that keeps its state
    #[arg(long, env = "TENANTRY_HOME", default_value = ".tenantry", value_name = "FOLDER")]
    home: PathBuf,
    #[command(flatten)]
    front: Front,
    #[arg(
        long,
        value_name = "FILE",
        help = "Write {url, gateway, temporal, database_url, admin_api_key} to this file once it serves"
    )]
    ready_file: Option<PathBuf>,
    #[command(flatten)]
    logging: Logging,
}

impl Dev {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let traces = self.logging.start(Format::Text)?;
        let stop = stop_on_signal()?;
        let home = Home::open(&self.home).map_err(|error| not_started(&error))?;
        // Only now: until the home is ours, the file may be that of the process that uses it.
        if let Some(file) = &self.ready_file {
            remove(file)?;
        }
        let listener = self.front.listen().await?;
        let started = tokio::select! {
            started = start(&home) => started?,
            () = stop.cancelled() => return Ok(()),
        };
        let outcome = Box::pin(self.serve(&home, listener, started, stop)).await;
        traces.stop().await;
        outcome
    }

    async fn serve(
        self,
        home: &Home,
        listener: Listener,
        mut engines: Engines,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let served = Box::pin(self.serve_on(home, listener, &mut engines, stop)).await;
        let stopped = engines.stop().await;
        if let Some(file) = &self.ready_file {
            remove(file)?;
        }
        served.and(stopped)
    }

    async fn serve_on(
        &self,
        home: &Home,
        listener: Listener,
        engines: &mut Engines,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        migrate(engines.postgres.url()).await?;
        let server = Server::new(Settings {
            listen_database_url: None,
            database_url: engines.postgres.url().to_owned(),
            temporal_address: engines.temporal.address(),
            egress: LOOPBACK
                .parse::<egress::Policy>()
                .map_err(|error| Failure::invalid(error.to_string()))?,
            database_connections: 20,
            api: self.front.settings(),
            safety: Safety::Given,
        })?;
        server.check_roles().await?;
        let profile = home.path().join(FILE_NAME);
        let admin = Admin::find(&server, &profile, listener.url()).await?;
        banner::print(&listener.url(), &admin, &self.home, &profile)?;
        if let Some(file) = &self.ready_file {
            write_ready(file, &listener.url(), engines, &admin)?;
        }
        let running = Box::pin(server.run(listener, stop.clone()));
        tokio::pin!(running);
        tokio::select! {
            ended = &mut running => ended,
            lost = engines.lost() => {
                stop.cancel();
                running.await?;
                Err(Failure::new(Exit::Failed, "stopped", format!("{lost} ended by itself; its log is in {}", home.path().display())))
            }
        }
    }
}

/// The first admin's API key, and whether it was made just now.
pub(crate) struct Admin {
    pub(crate) api_key: String,
    pub(crate) is_new: bool,
}

impl Admin {
    /// The key in the profile, if it still works, or a new one, which goes there.
    async fn find(server: &Server, file: &Path, url: String) -> Result<Self, Failure> {
        let known = profile::read(file)?.profiles.remove(PROFILE);
        let organization = known.as_ref().and_then(|profile| profile.organization.clone());
        let known = known.map(|profile| profile.api_key.reveal().to_owned());
        let admin = match known {
            Some(api_key) if server.knows(&api_key).await => Self { api_key, is_new: false },
            _ => Self { api_key: new_key(server).await?, is_new: true },
        };
        let profile = Profile { url, api_key: admin.api_key.clone().into(), organization };
        profile::save(file, PROFILE, profile)?;
        Ok(admin)
    }
}

async fn new_key(server: &Server) -> Result<String, Failure> {
    let email = Email::parse(ADMIN).map_err(|invalid| Failure::invalid(invalid.to_string()))?;
    let secret = match first_admin(&server.store, &SystemClock, &email)
        .await
        .map_err(|error| failed(&error))?
    {
        Some(secret) => secret,
        None => new_admin_key(&server.store, &SystemClock, &email).await.map_err(|error| failed(&error))?,
    };
    Ok(secret.reveal().to_owned())
}

fn write_ready(file: &Path, url: &str, engines: &Engines, admin: &Admin) -> Result<(), Failure> {
    let ready = json!({
        "url": url,
        "gateway": null,
        "temporal": engines.temporal.address().trim_start_matches("http://"),
        "database_url": engines.postgres.url(),
        "admin_api_key": admin.api_key,
    });
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Whole or not at all, and for its owner alone: it holds the key.
    let mut temporary = NamedTempFile::new_in(folder)?;
    temporary.write_all(ready.to_string().as_bytes())?;
    temporary.persist(file).map_err(|error| Failure::from(error.error))?;
    Ok(())
}

/// The private servers.
struct Engines {
    postgres: postgres::Server,
    temporal: temporal::Server,
}

/// Starts both at once: each waits mostly for itself.
async fn start(home: &Home) -> Result<Engines, Failure> {
    let (postgres, temporal) = tokio::try_join!(
        postgres::Server::start(home, postgres::Options::default(), &Screen),
        temporal::Server::start(home, temporal::Options::default(), &Screen),
    )
    .map_err(|error| not_started(&error))?;
    Ok(Engines { postgres, temporal })
}

impl Engines {
    /// Waits until one of them has ended, which it should not, and answers which.
    async fn lost(&mut self) -> &'static str {
        tokio::select! {
            () = self.postgres.exited() => "PostgreSQL",
            () = self.temporal.exited() => "Temporal",
        }
    }

    async fn stop(self) -> Result<(), Failure> {
        let (temporal, postgres) = tokio::join!(self.temporal.stop(), self.postgres.stop());
        temporal.and(postgres).map_err(|error| not_started(&error))
    }
}

async fn migrate(database_url: &str) -> Result<(), Failure> {
    let mut database =
        migrate::Database::connect(database_url).await.map_err(|error| migration_failed(&error))?;
    database.up().await.map_err(|error| migration_failed(&error))?;
    database.close().await.map_err(|error| migration_failed(&error))
}

fn not_started(error: &tenantry_embedded::Error) -> Failure {
    Failure::new(Exit::Failed, "dev", chain(error))
}

fn remove(file: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Steps of the start, a line each.
struct Screen;

impl Progress for Screen {
    fn step(&self, message: &str) {
        note(message);
    }
}
