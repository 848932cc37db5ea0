//! What several tests need: a folder, a process that runs the servers, and patience.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tenantry_embedded::postgres;

const PATIENCE: Duration = Duration::from_mins(1);

/// A temporary folder that every account can enter.
pub(crate) fn open_folder() -> TempDir {
    folder(0o755)
}

/// A temporary folder that its owner alone can enter.
pub(crate) fn closed_folder() -> TempDir {
    folder(0o700)
}

fn folder(mode: u32) -> TempDir {
    let folder = TempDir::new().unwrap();
    set_mode(folder.path(), mode);
    folder
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A PostgreSQL for data that is thrown away.
pub(crate) fn throwaway() -> postgres::Options {
    postgres::Options { durable: false, ..postgres::Options::default() }
}

pub(crate) async fn execute(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub(crate) async fn number(url: &str, query: &'static str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
}

/// Waits until the condition holds.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "{what} did not come true");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes whose command line names `path`, with their names.
pub(crate) fn processes_of(path: &Path) -> Vec<(i32, String)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter_map(|id| {
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
        let name = fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
        line.contains(path.to_str()?).then(|| (id, name.trim().to_owned()))
    })
    .filter(|&(id, _)| id.cast_unsigned() != std::process::id())
    .collect()
}

/// The example `run`, which runs both servers until Ctrl-C, as another process.
pub(crate) struct Runner {
    pub(crate) process: Child,
    pub(crate) database_url: String,
    pub(crate) temporal: String,
}

/// Where cargo has put the example; it builds it with the tests.
pub(crate) fn runner() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let runner = tests.ancestors().nth(2).unwrap().join("examples/run");
    assert!(runner.exists(), "run `cargo build -p tenantry-embedded --example run` first");
    runner
}

impl Runner {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).expect("the runner's line of JSON");
        let field = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        Self { process, database_url: field("database_url"), temporal: field("temporal") }
    }
}
