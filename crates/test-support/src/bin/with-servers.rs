//! Runs a command with a private PostgreSQL and a private Temporal, and stops both after it.
//!
//! `make test` runs all tests through it, so that they share one of each. `--shared-buffers 1GB` before the command gives PostgreSQL as much
//! memory as it would have in production, for measurements.

use std::process::{Command, ExitCode};

use tenantry_test_support::Servers;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let mut shared_buffers = None;
    if arguments.next_if(|argument| argument == "--shared-buffers").is_some() {
        let size = arguments.next().ok_or("--shared-buffers takes a size, such as 1GB")?;
        shared_buffers = Some(size.into_string().map_err(|size| format!("{} is no size", size.display()))?);
    }
    let program =
        arguments.next().ok_or("usage: with-servers [--shared-buffers SIZE] PROGRAM [ARGUMENT]…")?;
    let mut command = Command::new(program);
    command.args(arguments);
    if Servers::from_environment().is_some() {
        return Ok(code(command.status()?.code()));
    }
    let (servers, running) = Servers::start(shared_buffers).await?;
    command.env("DATABASE_URL", servers.database_url).env("TEMPORAL_ADDRESS", servers.temporal_address);
    let status = command.status();
    running.stop().await?;
    Ok(code(status?.code()))
}

fn code(code: Option<i32>) -> ExitCode {
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1).into()
}
