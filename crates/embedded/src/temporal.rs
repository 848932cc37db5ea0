//! A private Temporal development server.

mod binary;
mod go;
mod official;
mod probe;

use std::{env, ffi::OsString, path::PathBuf};

use tokio::process::Command;

use crate::{
    Error, Home,
    daemon::{Daemon, Program},
    guard::StopSignal,
    progress::Progress,
    server_log::ServerLog,
};

pub use binary::{Search, VERSION};

/// Set unless the options say otherwise. A workflow of one namespace must not reach into another; and namespaces, of
/// which the server registers 20 a second in production, come and go with every test. The queues are polled without pause,
/// or a step of an execution waits up to 100 ms for the next poll. A new namespace's search attributes are read when they are
/// needed, or it could be used only seconds after it is made. A task queue is one part, and not four, which would each take memory and
/// work in every namespace.
const SETTINGS: [(&str, &str); 7] = [
    ("system.enableCrossNamespaceCommands", "false"),
    ("frontend.rps.namespaceReplicationInducingAPIs", "1000"),
    ("history.transferProcessorMaxPollRPS", "1000"),
    ("history.timerProcessorMaxPollRPS", "1000"),
    ("system.forceSearchAttributesCacheRefreshOnRead", "true"),
    ("matching.numTaskqueueReadPartitions", "1"),
    ("matching.numTaskqueueWritePartitions", "1"),
];

/// Where the server keeps its executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In a file of the home.
    File,
    /// In memory: they end with the server.
    Memory,
}

/// How a private Temporal runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port of its gRPC service on 127.0.0.1; any free one if absent.
    pub port: Option<u16>,
    /// Where executions are kept.
    pub storage: Storage,
    /// Settings of the server, such as `("frontend.namespaceRPS", "5000")`; the value is JSON.
    pub dynamic_config: Vec<(String, String)>,
    /// Where the program is looked for.
    pub search: Search,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: None, storage: Storage::File, dynamic_config: Vec::new(), search: Search::default() }
    }
}

/// A Temporal server that answers. Dropping it asks it to stop and waits for nothing.
#[derive(Debug)]
pub struct Server {
    daemon: Daemon,
}

impl Server {
    /// Finds the Temporal program, or fetches it as [`Search`] says, and starts its development server. Waits for a
    /// server of an earlier process to be gone.
    ///
    /// # Errors
    /// [`Error`] says what to do; [`Error::NoTemporal`] if no way led to the program.
    pub async fn start(home: &Home, options: Options, progress: &dyn Progress) -> Result<Self, Error> {
        let log = ServerLog::of(home, "Temporal", "temporal").lock(home, progress).await?;
        let program = options.search.find(progress).await?;
        let temporal = Temporal { program, options, file: home.path().join("temporal.db") };
        let daemon = Daemon::start(&temporal, temporal.options.port, home, &log, progress).await?;
        Ok(Self { daemon })
    }

    /// The address of its gRPC service, such as `http://127.0.0.1:7233`.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.daemon.port())
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.daemon.port()
    }

    /// Waits until the server has ended, which it should not by itself. May be given up and called again.
    pub async fn exited(&mut self) {
        self.daemon.exited().await;
    }

    /// Stops the server.
    ///
    /// # Errors
    /// [`Error::Killed`] if it took longer than 10 s.
    pub async fn stop(self) -> Result<(), Error> {
        self.daemon.stop().await
    }
}

struct Temporal {
    program: PathBuf,
    options: Options,
    file: PathBuf,
}

impl Program for Temporal {
    fn command(&self, home: &Home) -> Command {
        let mut command = Command::new("sh");
        // What else is in this process's environment is no business of Temporal's.
        let passed_on =
            ["PATH", "HOME", "TMPDIR"].into_iter().filter_map(|name| Some((name, env::var_os(name)?)));
        command.env_clear().envs(passed_on).current_dir(home.path());
        command
    }

    fn line(&self, port: u16) -> Vec<OsString> {
        let port = port.to_string();
        let mut line = vec![self.program.clone().into()];
        line.extend(
            ["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", &port].map(Into::into),
        );
        line.extend(["--log-format", "json", "--log-level", "warn"].map(Into::into));
        if self.options.storage == Storage::File {
            line.extend(["--db-filename".into(), self.file.clone().into()]);
            line.extend(["--sqlite-pragma", "journal_mode=wal"].map(Into::into));
            line.extend(["--sqlite-pragma", "synchronous=normal"].map(Into::into));
        }
        let ours = SETTINGS.iter().map(|(key, value)| format!("{key}={value}"));
        let theirs = self.options.dynamic_config.iter().map(|(key, value)| format!("{key}={value}"));
        line.extend(ours.chain(theirs).flat_map(|setting| ["--dynamic-config-value".into(), setting.into()]));
        line
    }

    fn stop(&self) -> StopSignal {
        // A shell starts its background jobs with SIGINT ignored, and a Go program leaves it so.
        StopSignal::Terminate
    }

    async fn ready(&self, port: u16) {
        probe::ready(port).await;
    }
}
