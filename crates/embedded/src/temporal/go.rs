//! Building the Temporal program with Go.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use super::VERSION;
use crate::{
    Error,
    guard::{Guard, Launch, StopSignal},
    home::open_private,
    progress::{Progress, during},
    server_log::tail,
};

const MODULE: &str = "github.com/temporalio/cli/cmd/temporal";

/// Builds the program in `staging`, with the user's own settings of Go. The inner error says why Go failed.
pub(super) async fn build(
    go: &Path,
    staging: &Path,
    progress: &dyn Progress,
) -> Result<Result<PathBuf, String>, Error> {
    let log = staging.join("go.log");
    let line: Vec<OsString> = vec![go.into(), "install".into(), format!("{MODULE}@v{VERSION}").into()];
    let input = Path::new("/dev/null");
    let launch = Launch { line, input, output: open_private(&log)?, stop: StopSignal::Terminate };
    let mut command = Command::new("sh");
    command.current_dir(staging).env("GOBIN", staging);
    let mut guard = Guard::start(command, launch)
        .map_err(|source| Error::Spawn { program: go.display().to_string(), source })?;
    let message = format!("building Temporal {VERSION} with Go; this takes minutes, once");
    match during(progress, &message, guard.exited()).await {
        Ok(status) if status.success() => Ok(Ok(staging.join("temporal"))),
        _ => Ok(Err(tail(&log, 0).unwrap_or_default())),
    }
}
