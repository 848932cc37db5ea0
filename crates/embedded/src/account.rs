//! Whom PostgreSQL runs as: it refuses the superuser, who is often all there is in a container or on a build machine.

use std::{
    env,
    ffi::OsStr,
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, lchown},
    path::Path,
    process::Stdio,
};

use tokio::process::Command;

use crate::{Error, Home};

/// The account a program runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// The one that runs this process; it is an ordinary one.
    Own,
    /// An ordinary one: we are root, and this is the home's owner, or `nobody` if others can enter root's home.
    Other(Ids),
    /// Root outside, `nobody` in a user namespace of its own: we are root, and nobody else can enter the home.
    Mapped(Ids),
}

/// A user and a group, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    user: u32,
    group: u32,
}

impl Account {
    /// Chooses an account that can run `program`, which lies in the home.
    ///
    /// # Errors
    /// [`Error::NoAccount`] if we are root and no other account will do.
    pub(crate) async fn choose(home: &Home, program: &Path) -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        if let Some(owner) = ordinary_owner(home.path())
            && Self::Other(owner).can_run(program, home).await
        {
            return Ok(Self::Other(owner));
        }
        let ids = nobody();
        if others_can_reach(home.path()) {
            home.let_others_enter()?;
            if Self::Other(ids).can_run(program, home).await {
                return Ok(Self::Other(ids));
            }
        }
        if Self::Mapped(ids).can_run(program, home).await {
            return Ok(Self::Mapped(ids));
        }
        Err(Error::NoAccount { home: home.path().to_owned() })
    }

    /// A command that runs `program` as this account in the home, with nothing of our environment but `PATH`.
    pub(crate) fn command(self, program: impl AsRef<OsStr>, home: &Home) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(env::var_os("PATH").map(|path| ("PATH", path)));
        if let Self::Other(ids) = self {
            // The standard library also drops the supplementary groups when root sets another user.
            command.uid(ids.user).gid(ids.group);
        }
        command.current_dir(home.path());
        command
    }

    /// What must stand before a command line for it to run as this account.
    pub(crate) fn prefix(self) -> Vec<String> {
        match self {
            Self::Own | Self::Other(_) => Vec::new(),
            Self::Mapped(ids) => vec![
                "unshare".to_owned(),
                "--user".to_owned(),
                format!("--map-user={}", ids.user),
                format!("--map-group={}", ids.group),
                "--".to_owned(),
            ],
        }
    }

    /// Makes `path`, with all it holds, belong to this account.
    ///
    /// # Errors
    /// [`Error::ForeignData`] if it belongs to somebody else and we may not change that.
    pub(crate) fn own(self, path: &Path) -> Result<(), Error> {
        let owner = match self {
            Self::Own | Self::Mapped(_) => rustix::process::geteuid().as_raw(),
            Self::Other(ids) => ids.user,
        };
        let group = match self {
            Self::Own | Self::Mapped(_) => rustix::process::getegid().as_raw(),
            Self::Other(ids) => ids.group,
        };
        match fs::symlink_metadata(path).map_err(Error::file("read", path))? {
            metadata if metadata.uid() == owner => Ok(()),
            _ if self == Self::Own => Err(Error::ForeignData { path: path.to_owned() }),
            _ => give(path, Ids { user: owner, group }).map_err(Error::file("change the owner of", path)),
        }
    }

    async fn can_run(self, program: &Path, home: &Home) -> bool {
        let mut line = self.prefix().into_iter().map(Into::into).collect::<Vec<_>>();
        line.push(program.as_os_str().to_owned());
        let mut command = self.command(&line[0], home);
        command.args(&line[1..]).arg("--version").stdin(Stdio::null());
        command.output().await.is_ok_and(|output| output.status.success())
    }
}

/// Changes the owner, of the folder itself last: whoever is interrupted begins again.
fn give(path: &Path, ids: Ids) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), ids)?;
        }
    }
    lchown(path, Some(ids.user), Some(ids.group))
}

/// Whether every folder above `home` lets everybody through.
fn others_can_reach(home: &Path) -> bool {
    home.ancestors()
        .skip(1)
        .all(|folder| fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0))
}

/// Whose home it is, unless it is root's. They shall be able to use it again without root.
fn ordinary_owner(home: &Path) -> Option<Ids> {
    let metadata = fs::metadata(home).ok().filter(|metadata| metadata.uid() != 0)?;
    Some(Ids { user: metadata.uid(), group: metadata.gid() })
}

/// The ids of `nobody`; Linux's overflow ids where the system does not list it.
fn nobody() -> Ids {
    let listed = fs::read_to_string("/etc/passwd").ok();
    listed.as_deref().and_then(ids_of_nobody).unwrap_or(Ids { user: 65_534, group: 65_534 })
}

fn ids_of_nobody(passwd: &str) -> Option<Ids> {
    let line = passwd.lines().find(|line| line.starts_with("nobody:"))?;
    let mut fields = line.split(':').skip(2);
    let mut number = || fields.next()?.parse().ok();
    Some(Ids { user: number()?, group: number()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_find_the_ids_of_nobody_by_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:99:98:Nobody:/:/sbin/nologin\n";
        assert_eq!(ids_of_nobody(passwd), Some(Ids { user: 99, group: 98 }));
        assert_eq!(ids_of_nobody("root:x:0:0:root:/root:/bin/sh\n"), None);
    }
}
