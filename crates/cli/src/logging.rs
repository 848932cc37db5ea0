//! The server's log, on stderr.

use std::io::{IsTerminal as _, stderr};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// What is worth a line unless somebody asks for more: of the libraries below, only what may be wrong.
const DEFAULT: &str = "info,sqlx=warn,temporalio_sdk_core=warn";

/// How the log is written, and how much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Logging {
    /// What to log: a level, or levels for parts, such as debug,sqlx=info
    #[arg(long, env = "TENANTRY_LOG", default_value = DEFAULT, value_name = "FILTER")]
    log: String,
    /// How to write it: lines for people, or JSON objects for programs
    #[arg(long, env = "TENANTRY_LOG_FORMAT", value_enum, value_name = "FORMAT")]
    log_format: Option<Format>,
}

/// How the log is written: lines for people, or a JSON object on each line.
// The variants have no comments of their own, because clap would spread the help over many lines for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

impl Logging {
    /// Begins to log, in this format unless another was asked for.
    pub(crate) fn start(&self, default: Format) -> Result<(), Failure> {
        let filter = EnvFilter::try_new(&self.log)
            .map_err(|error| Failure::invalid(format!("--log (TENANTRY_LOG): {error}")))?;
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(stderr)
            .with_ansi(stderr().is_terminal());
        match self.log_format.unwrap_or(default) {
            Format::Text => subscriber.with_target(false).init(),
            Format::Json => subscriber.json().flatten_event(true).init(),
        }
        Ok(())
    }
}
