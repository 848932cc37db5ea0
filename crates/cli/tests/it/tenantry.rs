//! Runs the command in a folder of its own, with nothing of the surroundings' environment.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Output, Stdio},
};

use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};

/// A user's folder, and the environment of their commands.
pub(crate) struct Tenantry {
    pub(crate) folder: TempDir,
    environment: Vec<(&'static str, String)>,
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
        Self::nobody().with("TENANTRY_URL", url).with("TENANTRY_API_KEY", "tn_environment")
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
        child.wait_with_output().await.expect("an end").into()
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
