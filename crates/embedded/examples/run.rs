//! Runs both servers in the folder that is named, until Ctrl-C: `cargo run -p tenantry-embedded --example run -- .tenantry`.
//!
//! With `postgres` as second argument, PostgreSQL alone. Once they answer, one line of JSON says where.

use std::{error::Error as _, iter, path::Path, process::ExitCode};

use tenantry_embedded::{Error, Home, Progress, postgres, temporal};
use tokio::signal::unix::{SignalKind, signal};

struct StandardError;

impl Progress for StandardError {
    fn step(&self, message: &str) {
        eprintln!("{message}");
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(home) = arguments.next() else {
        eprintln!("usage: run HOME [postgres]");
        return ExitCode::from(2);
    };
    let only_postgres = arguments.next().is_some_and(|what| what == "postgres");
    match run(Path::new(&home), only_postgres).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in iter::successors(error.source(), |&cause| cause.source()) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(home: &Path, only_postgres: bool) -> Result<(), Error> {
    let home = Home::open(home)?;
    let mut postgres = postgres::Server::start(&home, postgres::Options::default(), &StandardError).await?;
    if only_postgres {
        let interrupted = interrupted();
        println!("{}", serde_json::json!({ "database_url": postgres.url() }));
        tokio::select! {
            () = interrupted => {}
            () = postgres.exited() => eprintln!("PostgreSQL ended"),
        }
        return postgres.stop().await;
    }
    let mut temporal = temporal::Server::start(&home, temporal::Options::default(), &StandardError).await?;
    let interrupted = interrupted();
    println!("{}", serde_json::json!({ "database_url": postgres.url(), "temporal": temporal.address() }));
    tokio::select! {
        () = interrupted => {}
        () = postgres.exited() => eprintln!("PostgreSQL ended"),
        () = temporal.exited() => eprintln!("Temporal ended"),
    }
    temporal.stop().await?;
    postgres.stop().await
}

/// Ends at Ctrl-C, which from this call on no longer ends the process. Before, it may: the servers go along.
fn interrupted() -> impl Future<Output = ()> {
    let signal = signal(SignalKind::interrupt());
    async {
        match signal {
            Ok(mut signal) => drop(signal.recv().await),
            // Then there is nothing to wait for but the servers.
            Err(_) => std::future::pending().await,
        }
    }
}
