//! What a start tells the user while it works.

use std::{future::Future, pin::pin, time::Duration};

use tokio::time::{Instant, interval_at};

const EVERY: Duration = Duration::from_secs(5);

/// Hears what takes time, to show it to the user.
pub trait Progress: Send + Sync {
    /// A step began, or still goes on; `message` is one line without a full stop, such as
    /// `downloading PostgreSQL 18.6`. A step that goes on repeats every 5 s with the seconds it has taken.
    fn step(&self, message: &str);

    /// How much of the present download is here, in bytes; `total` is absent when the sender has not said it.
    fn bytes(&self, done: u64, total: Option<u64>) {
        let _ = (done, total);
    }
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _message: &str) {}
}

/// Announces `message`, then does `work`, repeating the message every 5 s with the time taken.
pub(crate) async fn during<T>(progress: &dyn Progress, message: &str, work: impl Future<Output = T>) -> T {
    progress.step(message);
    still(progress, message, work).await
}

/// Does `work`, and says `message` only once it has taken 5 s.
pub(crate) async fn still<T>(progress: &dyn Progress, message: &str, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let mut ticks = interval_at(began + EVERY, EVERY);
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => progress.step(&format!("{message} ({} s)", began.elapsed().as_secs())),
        }
    }
}
