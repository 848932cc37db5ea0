//! Runs the command in a folder of its own, with nothing of the surroundings' environment.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    time::timeout,
};

use crate::terminal::Terminal;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// A user's folder, and the environment of their commands.
pub(crate) struct Tenantry {
    pub(crate) folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// A command line as its words.
pub(crate) fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// What a command left behind.
pub(crate) struct Left {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Tenantry {
    /// Somebody without a server or a key.
    pub(crate) fn nobody() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), environment: Vec::new() }
    }

    /// Somebody with a key to this server.
    pub(crate) fn at(url: &str) -> Self {
        Self::with_key(url, "tn_environment")
    }

    /// Somebody with this key to this server.
    pub(crate) fn with_key(url: &str, key: &str) -> Self {
        Self::nobody().with("TENANTRY_URL", url).with("TENANTRY_API_KEY", key)
    }

    /// Somebody in an empty folder of their own, on this machine, with its programs and what it has downloaded before.
    pub(crate) fn developer() -> Self {
        let downloads = tenantry_embedded::cache_folder().expect("a folder for downloads");
        let cache = downloads.parent().expect("the user's folder for caches").display().to_string();
        let path = std::env::var("PATH").expect("the machine's programs");
        Self::nobody().with("XDG_CACHE_HOME", cache).with("PATH", path)
    }

    /// With this variable.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Writes a file into the folder, and gives its path.
    pub(crate) fn write(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        path
    }

    /// Runs the command, which succeeds, and gives what it answers to programs.
    pub(crate) async fn answer(&self, arguments: &[&str]) -> Value {
        let left = self.run(&[arguments, &["-o", "json"]].concat()).await;
        assert_eq!(left.status, Some(0), "{arguments:?}: {}", left.stderr);
        serde_json::from_str(&left.stdout).expect("JSON")
    }

    /// Runs the command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Left {
        self.run_with_input(arguments, "").await
    }

    /// Runs the command with this on its standard input.
    pub(crate) async fn run_with_input(&self, arguments: &[&str], input: &str) -> Left {
        let mut child = self.start(arguments);
        let mut stdin = child.stdin.take().expect("a pipe");
        // A command that does not want its input closes the pipe.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let end = timeout(PATIENCE, child.wait_with_output()).await;
        end.unwrap_or_else(|_| panic!("no end: {arguments:?}")).expect("an end").into()
    }

    /// Starts the command on a terminal of so many rows and columns.
    pub(crate) fn start_on_terminal(&self, arguments: &[&str], size: (u16, u16)) -> Terminal {
        let command = pty_process::Command::new(env!("CARGO_BIN_EXE_tenantry"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("TERM", "xterm-256color")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .kill_on_drop(true);
        Terminal::run(command, size)
    }

    /// Starts the command, its streams piped.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_tenantry"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the command")
    }
}

impl From<Output> for Left {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
