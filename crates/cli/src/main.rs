//! The `tenantry` command.
//!
//! To add a user command: a module under `commands` with its `clap` types and a `run` that takes the [`Session`], and a
//! variant of [`commands::Command`]. A server command is the same without a session.
//!
//! [`Session`]: connection::Session

mod arguments;
mod commands;
mod confirm;
mod connection;
mod diagnostic;
mod failure;
mod folder;
mod front;
mod hint;
mod input;
mod logging;
mod output;
mod paging;
mod poll;
mod profile;
mod progress;
mod prompt;
#[cfg(test)]
mod reference;
mod safety;
mod server;
mod terminal;
mod traces;
mod watch;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = arguments::parse();
    match arguments.command.run(arguments.connection).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
