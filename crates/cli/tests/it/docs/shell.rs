//! A reader's shell: it has an empty folder, the command, and nothing of what surrounds the tests.

use std::{fs, os::unix::fs::symlink, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tenantry_test_support::{eventually, processes_in};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// What comes after the output of each command, with its status.
const END: &str = "\u{1}end ";
/// The command, where it was built.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tenantry");
/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(100);

/// A running bash. Dropped, it takes along whatever it has started.
pub(crate) struct Shell {
    bash: Child,
    group: Pid,
    output: BufReader<ChildStdout>,
    /// Where the reader is, and what else they have: programs, and what other terminals show.
    place: TempDir,
}

/// What a command printed, and how it ended.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) text: String,
}

impl Shell {
    /// Opens it with these variables.
    pub(crate) async fn open(variables: &[(&str, String)]) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        for folder in ["tenantry", "bin", "terminal"] {
            fs::create_dir(place.path().join(folder)).expect("a folder");
        }
        symlink(PROGRAM, place.path().join("bin/tenantry")).expect("a link");
        let downloads = tenantry_embedded::cache_folder().expect("a folder for downloads");
        let path = std::env::var("PATH").expect("the machine's programs");
        let mut bash = Command::new("bash")
            .args(["--noprofile", "--norc", "-s"])
            .env_clear()
            .env("PATH", format!("{}:{path}", place.path().join("bin").display()))
            .env("HOME", place.path())
            .env("LANG", "C.UTF-8")
            .env("XDG_CACHE_HOME", downloads.parent().expect("the user's folder for caches"))
            .env("MACHINE_PATH", &path)
            .env("PROGRAM", PROGRAM)
            .env("TERMINAL", place.path().join("terminal"))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .current_dir(place.path().join("tenantry"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("bash");
        let group = bash.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a process");
        let output = BufReader::new(bash.stdout.take().expect("a pipe"));
        let mut shell = Self { bash, group, output, place };
        let ready = shell.run(include_str!("terminal.sh")).await;
        assert_eq!((ready.status, ready.text.as_str()), (0, ""));
        shell
    }

    /// Where the reader is.
    pub(crate) fn folder(&self) -> std::path::PathBuf {
        self.place.path().join("tenantry").canonicalize().expect("a folder")
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&mut self, command: &str) -> Said {
        // From a file, so that a command that reads its input does not read what comes after it.
        let file = self.place.path().join("terminal/command");
        fs::write(&file, format!("{command}\n")).expect("a file");
        let line = format!(". '{}' </dev/null; printf '\\n{END}%s\\n' $?\n", file.display());
        let input = self.bash.stdin.as_mut().expect("a pipe");
        input.write_all(line.as_bytes()).await.expect("bash reads");
        let mut text = String::new();
        let reading = async {
            loop {
                let mut line = Vec::new();
                let length = self.output.read_until(b'\n', &mut line).await.expect("bash writes");
                assert!(length > 0, "it ended the shell: {command}\n{text}");
                let line = String::from_utf8_lossy(&line);
                if let Some(status) = line.strip_prefix(END) {
                    return status.trim().parse().expect("a status");
                }
                text.push_str(&line);
            }
        };
        let status = timeout(PATIENCE, reading).await;
        let status = status.unwrap_or_else(|_| panic!("no end of: {command}\n{text}"));
        text.truncate(text.len() - 1);
        Said { status, text }
    }

    /// Ends it and whatever it has started, servers in order, and waits until nothing is left.
    pub(crate) async fn close(self) {
        self.kill(Signal::TERM);
        let place = self.place.path().to_owned();
        eventually("an end of all that a page has started", async || nothing_in(&place)).await;
    }

    fn kill(&self, signal: Signal) {
        // There may be nothing left to kill.
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.kill(Signal::KILL);
    }
}

fn nothing_in(folder: &Path) -> Option<()> {
    processes_in(folder).is_empty().then_some(())
}
