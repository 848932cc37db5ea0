//! The files of the databases, and the programs that work on them.

use std::{
    ffi::OsString,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use super::{DATABASE, FAST, SUPERUSER};
use crate::{
    Error, Home,
    account::Account,
    daemon::run,
    home::{remove_if_present, write_private},
    progress::{Progress, during},
    server_log::LockedLog,
};

/// How a cluster is made. The locale is PostgreSQL's own, so that it is the same on every machine.
const INITDB: [&str; 6] = [
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
];

/// Where a running server writes who it is and, in the line with this number, how it is.
const SERVER_FILE: &str = "postmaster.pid";
const STATUS_LINE: usize = 7;

/// The databases of a home.
pub(super) struct Cluster {
    /// Whom they belong to.
    pub(super) account: Account,
    /// The superuser's password.
    pub(super) password: String,
    programs: PathBuf,
    data: PathBuf,
}

impl Cluster {
    /// The databases of the home, which may have to be [prepared](Self::prepare).
    pub(super) fn of(home: &Home, programs: PathBuf, account: Account) -> Result<Self, Error> {
        let data = home.path().join("postgresql/data");
        Ok(Self { account, password: password(home)?, programs, data })
    }

    /// The line that serves the databases.
    pub(super) fn serve(&self, settings: impl IntoIterator<Item = String>) -> Vec<OsString> {
        let mut line = self.line("postgres");
        line.extend(["-D".into(), self.data.clone().into()]);
        line.extend(settings.into_iter().flat_map(|setting| ["-c".into(), setting.into()]));
        line
    }

    /// Whether a server says in its file that it accepts connections, as `pg_ctl` asks. A port that answers might be
    /// another server's.
    pub(super) fn is_served(&self) -> bool {
        let file = fs::read_to_string(self.data.join(SERVER_FILE)).unwrap_or_default();
        file.lines().nth(STATUS_LINE).is_some_and(|status| status.trim() == "ready")
    }

    /// Makes the databases if they are missing, and otherwise ours.
    pub(super) async fn prepare(
        &self,
        home: &Home,
        durable: bool,
        log: &LockedLog,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        if !self.data.exists() {
            let staging = home.path().join("postgresql/making");
            let draft = Draft { cluster: self, home, log, durable, staging };
            return during(progress, "making the database", draft.make()).await;
        }
        self.account.own(&self.data)?;
        // The file names a process of an earlier run. All of those are gone, since we hold the log, but its number may by now
        // be another's, which would keep PostgreSQL from starting.
        remove_if_present(&self.data.join(SERVER_FILE))
    }

    /// The beginning of the line that runs one of the programs as our account.
    fn line(&self, program: &str) -> Vec<OsString> {
        let prefix = self.account.prefix().into_iter().map(Into::into);
        prefix.chain([self.programs.join(program).into()]).collect()
    }
}

/// Databases that are being made beside their place, and moved there at the end, so that the place is whole or missing.
struct Draft<'a> {
    cluster: &'a Cluster,
    home: &'a Home,
    log: &'a LockedLog,
    durable: bool,
    staging: PathBuf,
}

impl Draft<'_> {
    async fn make(&self) -> Result<(), Error> {
        remove_if_present(&self.staging)?;
        fs::create_dir(&self.staging).map_err(Error::file("create", &self.staging))?;
        write_private(&self.staging.join("password"), &self.cluster.password)?;
        write_private(&self.staging.join("statements"), &format!("create database {DATABASE}\n"))?;
        // The account may not be ours, who have just made these.
        self.cluster.account.own(&self.staging)?;
        self.initialize().await?;
        self.execute("statements").await?;
        let place = &self.cluster.data;
        fs::rename(self.staging.join("data"), place).map_err(Error::file("create", place))?;
        remove_if_present(&self.staging)
    }

    async fn initialize(&self) -> Result<(), Error> {
        let mut password_file = OsString::from("--pwfile=");
        password_file.push(self.staging.join("password"));
        let mut line = self.cluster.line("initdb");
        line.extend(["-D".into(), self.staging.join("data").into(), password_file]);
        line.push(format!("--username={SUPERUSER}").into());
        line.extend(INITDB.map(Into::into));
        line.extend((!self.durable).then(|| "--no-sync".into()));
        self.run(line, Path::new("/dev/null"), "initdb").await
    }

    /// Runs the statements in a file, one a line, without a server.
    async fn execute(&self, statements: &str) -> Result<(), Error> {
        let mut line = self.cluster.line("postgres");
        line.extend(["--single".into(), "-D".into(), self.staging.join("data").into()]);
        line.extend(["-c", "exit_on_error=on"].map(Into::into));
        if !self.durable {
            line.extend(FAST.into_iter().flat_map(|setting| ["-c".into(), setting.into()]));
        }
        line.push(SUPERUSER.into());
        self.run(line, &self.staging.join(statements), "creating the database").await
    }

    async fn run(&self, line: Vec<OsString>, input: &Path, what: &str) -> Result<(), Error> {
        run(self.cluster.account.command("sh", self.home), line, input, self.log, what).await
    }
}

/// The superuser's password in the home; a new one, of 256 random bits, if there is none.
fn password(home: &Home) -> Result<String, Error> {
    let path = home.path().join("postgresql.password");
    if path.exists() {
        return fs::read_to_string(&path).map_err(Error::file("read", &path));
    }
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::file("make", &path)(error.into()))?;
    let password = bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    write_private(&path, &password)?;
    Ok(password)
}
