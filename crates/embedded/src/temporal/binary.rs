//! Where the Temporal program comes from.

use std::{
    env,
    ffi::OsString,
    fmt::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::{go, official};
use crate::{
    Error,
    cache::{Shelf, cache_folder},
    progress::Progress,
};

/// The version of the Temporal CLI that is built or downloaded.
pub const VERSION: &str = "1.5.1";

/// Where the Temporal program is looked for, in this order: `temporal` in `path`; the cache; a build with the `go` in
/// `path`, which takes minutes, once; the official download.
#[derive(Clone, Debug)]
pub struct Search {
    /// Folders with programs, as in the environment variable `PATH`.
    pub path: Option<OsString>,
    /// Where what was built or downloaded is kept; [`cache_folder`] if absent.
    pub cache: Option<PathBuf>,
    /// The base URL of Temporal's download service.
    pub download_url: String,
}

impl Default for Search {
    fn default() -> Self {
        Self { path: env::var_os("PATH"), cache: None, download_url: "https://temporal.download".to_owned() }
    }
}

impl Search {
    /// The program, which is built or downloaded if it is nowhere yet.
    ///
    /// # Errors
    /// [`Error::NoTemporal`] tells what was tried.
    pub async fn find(&self, progress: &dyn Progress) -> Result<PathBuf, Error> {
        let mut tried = String::new();
        if let Some(program) = self.on_path("temporal") {
            if runs(&program).await {
                return Ok(program);
            }
            let _ = write!(tried, "\n- {} does not run", program.display());
        } else {
            tried.push_str("\n- `temporal` is not on PATH");
        }
        let folder = self.cache.clone().map_or_else(cache_folder, Ok)?.join("temporal");
        let place = folder.join(VERSION).join("temporal");
        if runs(&place).await {
            return Ok(place);
        }
        let cache = Shelf::open(folder, progress).await?;
        if !runs(&place).await {
            let prepared = fetched(self, &cache, tried, progress).await?;
            cache.place(&prepared, &place)?;
        }
        Ok(place)
    }

    fn on_path(&self, name: &str) -> Option<PathBuf> {
        let path = self.path.as_ref()?;
        env::split_paths(path).map(|folder| folder.join(name)).find(|program| program.is_file())
    }
}

/// Builds the program, or else downloads it, in the staging folder.
async fn fetched(
    search: &Search,
    cache: &Shelf,
    mut tried: String,
    progress: &dyn Progress,
) -> Result<PathBuf, Error> {
    match search.on_path("go") {
        None => tried.push_str("\n- Go, to build it with, is not on PATH"),
        Some(go) => match go::build(&go, &cache.staging()?, progress).await? {
            Ok(program) if runs(&program).await => return Ok(program),
            Ok(_) => tried.push_str("\n- what Go built does not run"),
            Err(reason) => drop(write!(tried, "\n- building it with Go failed: {reason}")),
        },
    }
    match official::download(&search.download_url, &cache.staging()?, progress).await {
        Ok(program) if runs(&program).await => Ok(program),
        Ok(_) => Err(Error::NoTemporal { tried: tried + "\n- what was downloaded does not run" }),
        Err(reason) => {
            let _ = write!(tried, "\n- downloading it from {} failed: {reason}", search.download_url);
            Err(Error::NoTemporal { tried })
        }
    }
}

async fn runs(program: &Path) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    command.output().await.is_ok_and(|output| output.status.success())
}
