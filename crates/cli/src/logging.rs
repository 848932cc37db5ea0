//! The server's log, on stderr.

use std::io::{IsTerminal as _, stderr};

use clap::ValueEnum;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{failure::Failure, traces::Traces};

/// What is worth a line unless somebody asks for more: of the libraries below, only what may be wrong.
const DEFAULT: &str = "info,opentelemetry=warn,sqlx=warn,temporalio_sdk_core=warn";

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
    /// Begins to log, in this format unless another was asked for, and to export traces if the environment asks for them.
    pub(crate) fn start(&self, default: Format) -> Result<Traces, Failure> {
        let traces = Traces::from_environment()?;
        let filter = EnvFilter::try_new(&self.log)
            .map_err(|error| Failure::invalid(format!("--log (TENANTRY_LOG): {error}")))?;
        // What is exported is said in the log in the log's own words.
        let filter = filter.and(filter_fn(|metadata| metadata.target() != tenantry_api::trace::TARGET));
        let log = fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal());
        let log = match self.log_format.unwrap_or(default) {
            Format::Text => log.with_target(false).boxed(),
            Format::Json => log.json().flatten_event(true).with_span_list(false).boxed(),
        };
        tracing_subscriber::registry().with(log.with_filter(filter)).with(traces.layer()).init();
        Ok(traces)
    }
}
