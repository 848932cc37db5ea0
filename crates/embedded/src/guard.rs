//! A program that does not outlive this process.
//!
//! It runs under a small shell, the guard, in a process group of its own, so that Ctrl-C in a terminal reaches us alone
//! and we stop things in order. The guard waits on a pipe from us: when we close it, or die in any way, it stops the
//! program.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, PipeWriter},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

const SCRIPT: &str = include_str!("guard.sh");

/// How long a program has to stop, in seconds, before it is killed.
pub(crate) const STOP_SECONDS: u64 = 10;

/// Which signal asks a program to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StopSignal {
    /// `SIGINT`.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
}

/// What a guard runs, and where its words go.
pub(crate) struct Launch<'a> {
    /// The program and its arguments.
    pub(crate) line: Vec<OsString>,
    /// What the program reads.
    pub(crate) input: &'a Path,
    /// Where what it prints is added.
    pub(crate) output: File,
    /// How it is asked to stop.
    pub(crate) stop: StopSignal,
}

/// How a program stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// By itself, when asked.
    InTime,
    /// It was killed.
    Killed,
}

/// A running program. Dropping it asks the program to stop and waits for nothing.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    group: Pid,
    pipe: Option<PipeWriter>,
}

impl Guard {
    /// Starts a program. `command` is a fresh one for `sh`, which may name an account, a folder and an environment.
    pub(crate) fn start(mut command: Command, launch: Launch<'_>) -> io::Result<Self> {
        let (reader, pipe) = io::pipe()?;
        let signal = match launch.stop {
            StopSignal::Interrupt => "INT",
            StopSignal::Terminate => "TERM",
        };
        command
            .args(["-c", SCRIPT, "guard", signal])
            .args(launch.line)
            .env("GUARD_INPUT", launch.input)
            .stdin(reader)
            .stdout(launch.output.try_clone()?)
            .stderr(Stdio::from(launch.output))
            .process_group(0);
        let shell = command.spawn()?;
        let group =
            shell.id().and_then(|id| Pid::from_raw(id.cast_signed())).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { shell, group, pipe: Some(pipe) })
    }

    /// The process group of the guard and the program.
    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    /// Waits until the program has ended. May be given up and called again.
    pub(crate) async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.shell.wait().await
    }

    /// Asks the program to stop, and kills it if it has not after [`STOP_SECONDS`].
    pub(crate) async fn stop(mut self) -> io::Result<Stopped> {
        self.pipe = None;
        if let Ok(exited) = timeout(Duration::from_secs(STOP_SECONDS), self.shell.wait()).await {
            return exited.map(|_| Stopped::InTime);
        }
        // The shell has not been waited for, so the group still is ours. It may be gone by now: no matter.
        let _ = kill_process_group(self.group, Signal::KILL);
        self.shell.wait().await.map(|_| Stopped::Killed)
    }
}
