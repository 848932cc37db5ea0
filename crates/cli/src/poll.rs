//! Waiting for something on the server, through short outages of it.

use std::time::Duration;

use tenantry_client::Error;
use tokio::time::{Instant, sleep};

use crate::progress::Progress;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long the server may be away at a stretch: a restart, not a loss.
const LONGEST_OUTAGE: Duration = Duration::from_mins(2);

/// Asks until the answer is `done`, less often as time goes by.
pub(crate) async fn until<T>(
    progress: &Progress,
    mut ask: impl AsyncFnMut() -> Result<T, Error>,
    done: impl Fn(&T) -> bool,
) -> Result<T, Error> {
    let mut pause = FIRST_PAUSE;
    let mut outage = Outage::default();
    loop {
        let mut wait = pause;
        match ask().await {
            Ok(answer) => {
                outage.end(progress);
                if done(&answer) {
                    return Ok(answer);
                }
            }
            Err(error) => wait = wait.max(outage.bear(error, progress)?),
        }
        sleep(wait).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// The time since the server last answered, if it does not answer now.
#[derive(Default)]
pub(crate) struct Outage {
    since: Option<Instant>,
}

impl Outage {
    /// Tells of it once, and answers how long the server wants to be left alone; the error itself if it is none of an
    /// outage, or the outage has lasted too long.
    pub(crate) fn bear(&mut self, error: Error, progress: &Progress) -> Result<Duration, Error> {
        if !error.is_transient() {
            return Err(error);
        }
        match self.since {
            Some(since) if since.elapsed() > LONGEST_OUTAGE => return Err(error),
            Some(_) => {}
            None => {
                self.since = Some(Instant::now());
                progress.tell(&format!("the server is away ({error}); waiting for it"));
            }
        }
        Ok(match error {
            Error::Api(problem) => problem.retry_after.unwrap_or_default().min(LONGEST_OUTAGE),
            _ => Duration::ZERO,
        })
    }

    pub(crate) fn end(&mut self, progress: &Progress) {
        if self.since.take().is_some() {
            progress.tell("the server is back");
        }
    }
}
