//! The folder that holds everything a private server keeps.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::Error;

/// A folder for the servers' state, used by one process at a time.
///
/// The lock goes when the home and every server started in it are gone, or when the process ends.
#[derive(Clone, Debug)]
pub struct Home {
    path: PathBuf,
    _lock: Arc<File>,
}

impl Home {
    /// Opens the folder at `path`, which is made, for its owner alone, if it is missing.
    ///
    /// # Errors
    /// [`Error::HomeInUse`] if another process (or this one) has it open; [`Error::File`] if it cannot be made.
    pub fn open(path: &Path) -> Result<Self, Error> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::file("create", path))?;
        let path = path.canonicalize().map_err(Error::file("open", path))?;
        let lock = open_private(&path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: Arc::new(lock) }),
            Err(TryLockError::WouldBlock) => Err(Error::HomeInUse { home: path }),
            Err(TryLockError::Error(source)) => Err(Error::file("lock", path.join("lock"))(source)),
        }
    }

    /// Where the folder is, as an absolute path without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets other accounts pass through the folder, but not list it.
    pub(crate) fn let_others_enter(&self) -> Result<(), Error> {
        add_mode(&self.path, 0o011)
    }
}

/// Opens the file at `path` for appending; a new one is readable by its owner alone.
pub(crate) fn open_private(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::file("open", path))
}

/// Writes `content` to a file that its owner alone may read, so that it is there in full or not at all.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<(), Error> {
    let partial = path.with_extension("partial");
    remove_if_present(&partial)?;
    let mut file = open_private(&partial)?;
    file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::file("write", path))?;
    fs::rename(&partial, path).map_err(Error::file("create", path))
}

/// Removes a file or a folder with all it holds.
pub(crate) fn remove_if_present(path: &Path) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Adds permissions to a file or folder that lacks them.
pub(crate) fn add_mode(path: &Path, mode: u32) -> Result<(), Error> {
    let present = fs::metadata(path).map_err(Error::file("read", path))?.permissions().mode();
    if present & mode == mode {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(present | mode)).map_err(Error::file("change", path))
}
