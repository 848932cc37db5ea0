//! A server's log file, which is also the lock that shows whether the server lives.
//!
//! The guard, the server and all their children hold the log open as their output, through one open file that is locked.
//! The system frees the lock when the last of them is gone, so whoever gets it knows that nothing of an earlier run is
//! left, however that ended.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, sleep};

use crate::{
    Error, Home,
    guard::Guard,
    home::{open_private, write_private},
    progress::{Progress, still},
};

/// How long a server of a dead process has to stop by itself: its guard is at it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it has once it was killed.
const LIMIT: Duration = Duration::from_secs(20);
/// What of an error the user is shown, in bytes.
const TAIL: u64 = 2_000;
/// A log longer than this many bytes is emptied at a start.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The log of one server.
#[derive(Clone, Debug)]
pub(crate) struct ServerLog {
    server: &'static str,
    path: PathBuf,
    group: PathBuf,
}

/// The log while no server writes to it but those we start.
pub(crate) struct LockedLog {
    log: ServerLog,
    file: File,
    begin: u64,
}

impl ServerLog {
    /// The log `<name>.log` of `server`.
    pub(crate) fn of(home: &Home, server: &'static str, name: &str) -> Self {
        let path = home.path().join(format!("{name}.log"));
        Self { server, path, group: home.path().join(format!("{name}.group")) }
    }

    /// Takes the log, after any server of an earlier process is gone; one that stays for 10 s is killed.
    ///
    /// # Errors
    /// [`Error::Leftover`] if it is not gone 20 s later.
    pub(crate) async fn lock(self, home: &Home, progress: &dyn Progress) -> Result<LockedLog, Error> {
        let file = open_private(&self.path)?;
        let waiting = format!("waiting for {} of an earlier run to stop", self.server);
        still(progress, &waiting, self.wait_for(&file, home)).await?;
        let mut begin = file.metadata().map_err(Error::file("read", &self.path))?.len();
        if begin > LONGEST {
            file.set_len(0).map_err(Error::file("write", &self.path))?;
            begin = 0;
        }
        Ok(LockedLog { log: self, file, begin })
    }

    async fn wait_for(&self, file: &File, home: &Home) -> Result<(), Error> {
        let began = Instant::now();
        let mut killed = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(Error::file("lock", &self.path)(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            if began.elapsed() > PATIENCE + LIMIT {
                return Err(Error::Leftover { server: self.server, home: home.path().to_owned() });
            }
            if began.elapsed() > PATIENCE && !killed {
                self.kill_leftover();
                killed = true;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills the group that was recorded. Whoever holds the lock is a member of it, so its number is not another's; or
    /// is a child that PostgreSQL has put in a group of its own, which ends soon after its parent.
    fn kill_leftover(&self) {
        let recorded = fs::read_to_string(&self.group).ok().and_then(|text| text.trim().parse().ok());
        if let Some(group) = recorded.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl LockedLog {
    /// The server whose log it is.
    pub(crate) fn server(&self) -> &'static str {
        self.log.server
    }

    /// The open file, to be given to a guard.
    pub(crate) fn output(&self) -> Result<File, Error> {
        self.file.try_clone().map_err(Error::file("open", &self.log.path))
    }

    /// Notes whom the next start must kill if the guard cannot.
    pub(crate) fn record(&self, guard: &Guard) -> Result<(), Error> {
        write_private(&self.log.group, &guard.group().as_raw_nonzero().to_string())
    }

    /// The error that `what` happened, with the end of what was logged since the log was taken.
    pub(crate) fn failed(&self, what: impl Into<String>) -> Error {
        let tail = tail(&self.log.path, self.begin).unwrap_or_default();
        Error::Failed { what: what.into(), log: self.log.path.clone(), tail }
    }
}

/// The last lines of a file, of those after its first `begin` bytes.
pub(crate) fn tail(path: &Path, begin: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(begin.max(length.saturating_sub(TAIL))))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
