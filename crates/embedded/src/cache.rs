//! Where downloads stay, shared by every home of the user.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Error,
    progress::{Progress, still},
};

/// The folder for what was downloaded or built: `$XDG_CACHE_HOME/tenantry`, else `~/.cache/tenantry`
/// (`~/Library/Caches/tenantry` on macOS).
///
/// # Errors
/// [`Error::NoCacheFolder`] if the environment names neither.
pub fn cache_folder() -> Result<PathBuf, Error> {
    let folder = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let of_the_user = || {
        let home = env::home_dir().filter(|home| home.is_absolute())?;
        Some(home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }))
    };
    folder.or_else(of_the_user).map(|folder| folder.join("tenantry")).ok_or(Error::NoCacheFolder)
}

/// A part of the cache while this process alone may change it.
pub(crate) struct Shelf {
    folder: PathBuf,
    _lock: File,
}

impl Shelf {
    /// Opens `folder`, waiting for any other process that is filling it.
    pub(crate) async fn open(folder: PathBuf, progress: &dyn Progress) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(Error::file("create", &path))?;
        let waiting = "waiting for another tenantry that is downloading";
        still(progress, waiting, locked(&lock)).await.map_err(Error::file("lock", &path))?;
        Ok(Self { folder, _lock: lock })
    }

    /// An empty folder to prepare things in; what an interrupted process left there is gone.
    pub(crate) fn staging(&self) -> Result<PathBuf, Error> {
        let staging = self.folder.join("staging");
        match fs::remove_dir_all(&staging) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("remove", &staging)(error));
            }
            _ => fs::create_dir(&staging).map_err(Error::file("create", &staging))?,
        }
        Ok(staging)
    }

    /// Moves what was prepared to `place`, at once, after it has reached the disk.
    pub(crate) fn place(&self, prepared: &Path, place: &Path) -> Result<(), Error> {
        let file = File::open(prepared).map_err(Error::file("open", prepared))?;
        file.sync_all().map_err(Error::file("write", prepared))?;
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
        }
        fs::rename(prepared, place).map_err(Error::file("create", place))?;
        let staging = self.folder.join("staging");
        fs::remove_dir_all(&staging).map_err(Error::file("remove", &staging))
    }
}

async fn locked(file: &File) -> std::io::Result<()> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
