//! A server on a port: started, waited for, and stopped.

use std::{ffi::OsString, future::Future, path::Path, process::ExitStatus, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::{
    Error, Home,
    guard::{Guard, Launch, STOP_SECONDS, StopSignal, Stopped},
    port,
    progress::{Progress, during},
    server_log::LockedLog,
};

/// How long a server may take until it answers; recovery after a crash is part of it.
const READY: Duration = Duration::from_mins(2);
/// How often another free port is tried when somebody takes the one we found before the server does.
const ATTEMPTS: u32 = 5;

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Daemon {
    server: &'static str,
    guard: Guard,
    port: u16,
    // Keeps the home locked while the server runs.
    _home: Home,
}

/// How a server is started and known to be ready.
pub(crate) trait Program {
    /// A command for the guard's `sh`.
    fn command(&self, home: &Home) -> Command;
    /// What runs, on which port.
    fn line(&self, port: u16) -> Vec<OsString>;
    /// How it is asked to stop.
    fn stop(&self) -> StopSignal;
    /// Ends when the server answers on the port.
    fn ready(&self, port: u16) -> impl Future<Output = ()> + Send;
}

impl Daemon {
    /// Starts the program on the port that was asked for, else on any free one.
    ///
    /// # Errors
    /// [`Error::PortInUse`] for a port that was asked for; [`Error::Failed`] if the server ends or stays mute.
    pub(crate) async fn start(
        program: &(impl Program + Sync),
        wanted: Option<u16>,
        home: &Home,
        log: &LockedLog,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            let port = port::choose(log.server(), wanted)?;
            let message = format!("starting {}", log.server());
            match during(progress, &message, Self::attempt(program, port, home, log)).await {
                Err(Error::Failed { tail, .. }) if attempt < ATTEMPTS && lost_the_port(&tail) => match wanted
                {
                    Some(port) => return Err(Error::PortInUse { server: log.server(), port }),
                    None => attempt += 1,
                },
                outcome => return outcome,
            }
        }
    }

    async fn attempt(
        program: &(impl Program + Sync),
        port: u16,
        home: &Home,
        log: &LockedLog,
    ) -> Result<Self, Error> {
        let server = log.server();
        let mut guard = guarded(program.command(home), program.line(port), program.stop(), log)?;
        let ready = timeout(READY, program.ready(port));
        tokio::select! {
            ready = ready => match ready {
                Ok(()) => Ok(Self { server, guard, port, _home: home.clone() }),
                Err(_) => Err(log.failed(format!("{server} did not answer within {} s", READY.as_secs()))),
            },
            exited = guard.exited() => Err(log.failed(format!("{server} ended at once{}", status(exited.ok())))),
        }
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Waits until the server has ended.
    pub(crate) async fn exited(&mut self) {
        let _ = self.guard.exited().await;
    }

    /// Stops the server.
    ///
    /// # Errors
    /// [`Error::Killed`] if it had to be killed.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        let server = self.server;
        match self.guard.stop().await {
            Ok(Stopped::InTime) => Ok(()),
            Ok(Stopped::Killed) => Err(Error::Killed { server, seconds: STOP_SECONDS }),
            Err(source) => Err(Error::Spawn { program: server.to_owned(), source }),
        }
    }
}

/// Runs a program of the server's to its end, such as one that prepares its files.
///
/// # Errors
/// [`Error::Failed`] if it ends without success.
pub(crate) async fn run(
    command: Command,
    line: Vec<OsString>,
    input: &Path,
    log: &LockedLog,
    what: &str,
) -> Result<(), Error> {
    let launch = Launch { line, input, output: log.output()?, stop: StopSignal::Terminate };
    let mut guard = started(Guard::start(command, launch))?;
    log.record(&guard)?;
    match guard.exited().await {
        Ok(status) if status.success() => Ok(()),
        exited => Err(log.failed(format!("{what} failed{}", status(exited.ok())))),
    }
}

fn guarded(command: Command, line: Vec<OsString>, stop: StopSignal, log: &LockedLog) -> Result<Guard, Error> {
    let launch = Launch { line, input: Path::new("/dev/null"), output: log.output()?, stop };
    let guard = started(Guard::start(command, launch))?;
    log.record(&guard)?;
    Ok(guard)
}

fn started(guard: std::io::Result<Guard>) -> Result<Guard, Error> {
    guard.map_err(|source| Error::Spawn { program: "sh".to_owned(), source })
}

fn status(exited: Option<ExitStatus>) -> String {
    exited.map(|status| format!(" ({status})")).unwrap_or_default()
}

fn lost_the_port(tail: &str) -> bool {
    tail.to_ascii_lowercase().contains("address already in use")
}
