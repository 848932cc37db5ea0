//! The run's PostgreSQL and Temporal.

use std::{
    path::Path,
    sync::{OnceLock, mpsc},
    time::Duration,
};

use tenantry_embedded::{Error, Home, Progress, postgres, temporal};

/// Where PostgreSQL and Temporal are for this test run.
///
/// `make test` starts them once for the whole run and says so in `DATABASE_URL` and `TEMPORAL_ADDRESS`, which may as well
/// name servers of one's own. Where they are not set, the first test that needs a server starts both, and they stop when the
/// test binary ends.
#[derive(Clone, Debug)]
pub struct Servers {
    /// A PostgreSQL, as a role that may create databases and roles.
    pub database_url: String,
    /// A Temporal frontend, where namespaces may be registered.
    pub temporal_address: String,
}

/// Private servers, which stop when this is dropped.
#[derive(Debug)]
pub struct Running {
    postgres: postgres::Server,
    temporal: temporal::Server,
}

impl Servers {
    /// The servers of this run, started if they are absent.
    ///
    /// # Panics
    /// When they can be neither found nor started.
    pub fn get() -> &'static Self {
        static SERVERS: OnceLock<Servers> = OnceLock::new();
        SERVERS.get_or_init(|| match Self::from_environment() {
            Some(servers) => servers,
            None => start_beside(),
        })
    }

    /// The servers that the environment names, if it names both.
    pub fn from_environment() -> Option<Self> {
        let database_url = std::env::var("DATABASE_URL").ok()?;
        let temporal_address = std::env::var("TEMPORAL_ADDRESS").ok()?;
        Some(Self { database_url, temporal_address })
    }

    /// Starts private servers in a folder under `target/`, PostgreSQL with these `shared_buffers`, if any are named.
    pub async fn start(shared_buffers: Option<String>) -> Result<(Self, Running), Error> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-servers");
        let home = open(&path).await?;
        let options = postgres::Options {
            durable: false,
            max_connections: 300,
            shared_buffers,
            ..postgres::Options::default()
        };
        let postgres = postgres::Server::start(&home, options, &Screen).await?;
        let options =
            temporal::Options { storage: temporal::Storage::Memory, ..temporal::Options::default() };
        let temporal = temporal::Server::start(&home, options, &Screen).await?;
        let servers = Self { database_url: postgres.url().to_owned(), temporal_address: temporal.address() };
        Ok((servers, Running { postgres, temporal }))
    }
}

impl Running {
    /// Stops both.
    pub async fn stop(self) -> Result<(), Error> {
        self.temporal.stop().await?;
        self.postgres.stop().await
    }
}

/// Another test binary may still use the folder, or its servers may not have ended yet.
async fn open(path: &Path) -> Result<Home, Error> {
    let mut tries = 0;
    loop {
        match Home::open(path) {
            Err(Error::HomeInUse { .. }) if tries < 600 => tries += 1,
            opened => return opened,
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Starts the servers on a thread of their own: they outlive the runtime of the test that happened to need them first.
fn start_beside() -> Servers {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime for the test servers");
        runtime.block_on(async {
            let (servers, running) = Servers::start(None).await.expect("PostgreSQL and Temporal start");
            let _ = send.send(servers);
            std::future::pending::<()>().await;
            drop(running);
        });
    });
    receive.recv().expect("PostgreSQL and Temporal start")
}

/// Progress where the run's output goes: a first run downloads and builds, which takes minutes.
struct Screen;

impl Progress for Screen {
    #[expect(clippy::print_stderr, reason = "whoever runs the tests watches")]
    fn step(&self, message: &str) {
        eprintln!("{message}");
    }
}
