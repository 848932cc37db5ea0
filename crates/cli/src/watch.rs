//! Watching an execution to its end: a live tree of its tasks on a terminal, a line for each change elsewhere.

mod course;
mod view;

use std::time::Duration;

use tenantry_client::{
    Error,
    executions::{Event, Events, Execution},
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use self::{course::Course, view::View};
use crate::{
    connection::Session,
    failure::{Exit, Failure},
    output::note,
    poll::{self, Outage},
    progress::Progress,
};

pub(crate) use self::course::word;

/// How often what is shown is drawn anew.
const FRAME: Duration = Duration::from_millis(100);
/// How many events may wait to be shown.
const WAITING: usize = 64;

/// Waits for the end of an execution, and shows how it goes. Ctrl-C leaves it to itself.
pub(crate) async fn to_the_end(session: &Session, execution: &Execution) -> Result<Execution, Failure> {
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(left(session, &execution.id)),
        ended = follow(session, execution) => ended.map_err(|error| {
            let look = format!("nothing is lost: `{}` shows how it goes on", command(session, "get", &execution.id));
            Failure::from(error).with_hint(look)
        }),
    }
}

/// The user has seen enough.
fn left(session: &Session, id: &str) -> Failure {
    note(&format!("{id} goes on; `{}` comes back to it", command(session, "watch", id)));
    Failure::new(Exit::Left, "left", "")
}

fn command(session: &Session, verb: &str, id: &str) -> String {
    let organization = session.named_organization().map(|name| format!(" --org {name}")).unwrap_or_default();
    format!("tenantry execution {verb} {id}{organization}")
}

async fn follow(session: &Session, execution: &Execution) -> Result<Execution, Error> {
    let mut view = View::new(Course::of(execution));
    let is_told = listen(session, &mut view).await;
    let get = async || session.client.executions().get(&execution.id).send().await;
    let ended = if is_told {
        poll::until(view.progress(), get, |execution| execution.status.is_final()).await?
    } else {
        ask(view.progress(), get).await?
    };
    if is_told {
        view.end(&ended);
    }
    Ok(ended)
}

/// Shows what the server tells until the execution ends. Answers whether it did: a server may have no stream, or none that comes through.
async fn listen(session: &Session, view: &mut View) -> bool {
    let events = session.client.executions().events(view.execution()).patience(Duration::ZERO);
    let (tell, mut heard) = mpsc::channel(WAITING);
    // It ends with this.
    let mut listening = JoinSet::new();
    listening.spawn(hear(events, tell));
    let (mut outage, mut frames) = (Outage::default(), interval(FRAME));
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = heard.recv() => match event {
                None => return true,
                Some(Ok(event)) => {
                    outage.end(view.progress());
                    view.take(event);
                }
                Some(Err(error)) if is_no_stream(&error) => return false,
                Some(Err(error)) => if outage.bear(error, view.progress()).is_err() { return false },
            },
            _ = frames.tick(), if view.is_live() => view.draw(),
        }
    }
}

/// Hands on what the stream tells. It is apart, because a wait for it must not be broken off.
async fn hear(mut events: Events, tell: mpsc::Sender<Result<Event, Error>>) {
    while let Some(event) = events.next().await.transpose() {
        let is_last = event.as_ref().is_err_and(is_no_stream);
        if tell.send(event).await.is_err() || is_last {
            return;
        }
    }
}

/// Whether to come again is in vain: there is no such stream, or no room for another.
fn is_no_stream(error: &Error) -> bool {
    !error.is_transient() || error.status() == Some(429)
}

/// Asks again and again until the execution has ended.
async fn ask(
    progress: &Progress,
    mut get: impl AsyncFnMut() -> Result<Execution, Error>,
) -> Result<Execution, Error> {
    let since = Instant::now();
    let ask = async || {
        let execution = get().await?;
        let seconds = since.elapsed().as_secs();
        progress.show(&format!("{} is {}, {seconds} s", execution.id, word(execution.status)));
        Ok(execution)
    };
    poll::until(progress, ask, |execution: &Execution| execution.status.is_final()).await
}
