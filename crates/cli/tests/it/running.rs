//! Servers that the command runs: started, watched, and ended in every way that a process ends.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tenantry_test_support::eventually;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Child,
    task::JoinHandle,
    time::timeout,
};

use crate::tenantry::Tenantry;

/// How long everything may take to stop.
const STOP: Duration = Duration::from_secs(10);

/// A command that runs until it is stopped.
pub(crate) struct Running {
    process: Child,
    stdout: Heard,
    stderr: Heard,
}

/// What a stream has said so far.
struct Heard {
    text: Arc<Mutex<String>>,
    end: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(user: &Tenantry, arguments: &[&str]) -> Self {
        let mut process = user.start(arguments);
        let stdout = Heard::on(process.stdout.take().expect("a pipe"));
        let stderr = Heard::on(process.stderr.take().expect("a pipe"));
        Self { process, stdout, stderr }
    }

    /// Waits until the condition on what it has said on stderr holds.
    pub(crate) async fn said<T>(&mut self, what: &str, condition: impl Fn(&str) -> Option<T>) -> T {
        eventually(what, || {
            let said = condition(&self.stderr.text());
            assert!(said.is_some() || self.runs(), "it ended before {what}: {}", self.stderr.text());
            std::future::ready(said)
        })
        .await
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.process.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a running process");
        kill_process(id, signal).expect("a signal");
    }

    /// Waits until it has ended, and gives what it has said on stdout and stderr.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String, String) {
        let status = timeout(STOP, self.process.wait()).await.expect("an end in time").expect("a status");
        (status, self.stdout.all().await, self.stderr.all().await)
    }

    fn runs(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }
}

impl Heard {
    fn on(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&text);
        let end = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                heard.lock().expect("no panic").push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        Self { text, end }
    }

    fn text(&self) -> String {
        self.text.lock().expect("no panic").clone()
    }

    async fn all(self) -> String {
        self.end.await.expect("the end of the stream");
        let text = self.text.lock().expect("no panic");
        text.clone()
    }
}

/// A running `tenantry dev` that serves.
pub(crate) struct Dev {
    pub(crate) running: Running,
    /// What its ready file says.
    pub(crate) ready: Value,
    pub(crate) ready_file: PathBuf,
}

impl Dev {
    /// Starts it in the user's folder, on any free port.
    pub(crate) async fn start(user: &Tenantry) -> Self {
        Self::start_at(user, "127.0.0.1:0", &[]).await
    }

    /// Starts it at this address, and waits until it serves.
    pub(crate) async fn start_at(user: &Tenantry, address: &str, more: &[&str]) -> Self {
        let ready_file = user.folder.path().join("ready.json");
        let path = ready_file.to_str().expect("a path");
        let arguments = ["dev", "--http-addr", address, "--ready-file", path];
        let mut running = Running::start(user, &[&arguments, more].concat());
        // What is there before the server runs is an earlier one's, and goes before it says that it starts.
        running.said("the start of PostgreSQL", |said| said.contains("PostgreSQL").then_some(())).await;
        let text = running.said("the ready file", |_| fs::read_to_string(&ready_file).ok()).await;
        Self { running, ready: serde_json::from_str(&text).expect("JSON"), ready_file }
    }

    pub(crate) fn url(&self) -> &str {
        self.ready["url"].as_str().expect("a URL")
    }

    /// The `127.0.0.1:8090` of its URL.
    pub(crate) fn address(&self) -> &str {
        self.url().trim_start_matches("http://")
    }

    pub(crate) fn admin_key(&self) -> &str {
        self.ready["admin_api_key"].as_str().expect("a key")
    }

    /// The admin, who needs no profile.
    pub(crate) fn admin(&self) -> Tenantry {
        Tenantry::with_key(self.url(), self.admin_key())
    }

    /// Asks it to stop, and waits until it has. Gives what it has said on stdout and stderr.
    pub(crate) async fn stop(self, signal: Signal) -> (String, String) {
        self.running.signal(signal);
        let (status, stdout, stderr) = self.running.ended().await;
        assert_eq!(status.code(), Some(0), "{stderr}");
        (stdout, stderr)
    }

    /// Kills it: it can do nothing about it.
    pub(crate) async fn kill(self) {
        self.running.signal(Signal::KILL);
        self.running.ended().await;
    }
}

/// The command lines of the processes that work in this folder or name it.
pub(crate) fn processes_in(folder: &Path) -> Vec<String> {
    tenantry_test_support::processes_in(folder).into_iter().map(|process| process.line).collect()
}
