//! What a schedule would have started in a span of time, started now.

use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::Value;
use tenantry_client::{
    Error, Timestamp,
    executions::{Execution, Filter},
    schedules::Backfill,
};

use super::{FIELDS, OVERLAPS};
use crate::{connection::Session, failure::Failure, output::note, poll, progress::Progress};

/// The policies that leave nothing out.
const ALL: [&str; 2] = ["allow_all", "buffer_all"];
/// After how long without a start, while nothing is at work, the others are left out for good. Temporal starts them in a row.
const QUIET: Duration = Duration::from_secs(5);

/// A span of time to make up for.
#[derive(Args, Debug)]
pub(crate) struct Span {
    /// Its id
    schedule: String,
    /// The begin of the span, in RFC 3339
    #[arg(long, value_name = "TIME")]
    from: Timestamp,
    /// The end of the span, in RFC 3339
    #[arg(long, value_name = "TIME")]
    to: Timestamp,
    /// What happens while the execution before has not ended [default: the schedule's]
    #[arg(long, value_name = "POLICY", value_parser = OVERLAPS)]
    overlap: Option<String>,
    /// Wait until all have been started that will be, and show how many there are
    #[arg(long)]
    wait: bool,
}

impl Span {
    /// The server has handed the span to Temporal when it answers; what it starts shows itself among the executions.
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { schedule, from, to, overlap, wait } = self;
        let before = if wait { newest(session, &schedule).await? } else { None };
        let backfill = Backfill { start_time: from, end_time: to, overlap };
        let backfilled = session.client.schedules().backfill(&schedule, &backfill).raw().send().await?;
        let started = if wait {
            let runs = Runs { session, schedule: &schedule, span: from..=to, before };
            let overlap = backfill.overlap.as_deref().or_else(|| backfilled["overlap"].as_str());
            follow(&runs, &backfilled["starts"], overlap.unwrap_or_default()).await?
        } else {
            format!("Temporal starts them now: {}", look(&schedule))
        };
        session.output.one(&backfilled, &[FIELDS, &["starts"]].concat())?;
        note(&started);
        Ok(())
    }
}

/// Waits until everything has been started that will be, and answers with what to say of it.
async fn follow(runs: &Runs<'_>, starts: &Value, overlap: &str) -> Result<String, Failure> {
    let starts = starts.as_u64().and_then(|starts| usize::try_from(starts).ok()).unwrap_or(usize::MAX);
    let (progress, mut heard, mut started) = (Progress::new(), Instant::now(), 0);
    let ask = async || {
        let all = runs.list().await?;
        let at_work = all.iter().filter(|execution| !execution.status.is_final()).count();
        progress.show(&format!("{} of {starts} started, {at_work} at work", all.len()));
        if all.len() > started || at_work > 0 {
            (heard, started) = (Instant::now(), all.len());
        }
        Ok((all.len(), heard.elapsed()))
    };
    let leaves_out = !ALL.contains(&overlap);
    let is_done = |(count, quiet): &(usize, Duration)| *count >= starts || (leaves_out && *quiet >= QUIET);
    let (count, _) = poll::until(&progress, ask, is_done).await.map_err(|error| {
        Failure::from(error).with_hint(format!("it goes on by itself: {}", look(runs.schedule)))
    })?;
    Ok(match starts.saturating_sub(count) {
        0 => format!("started {count}"),
        left => format!("started {count}; {left} would have overlapped, and {overlap} leaves such out"),
    })
}

/// What a backfill has started.
struct Runs<'a> {
    session: &'a Session,
    schedule: &'a str,
    span: RangeInclusive<Timestamp>,
    /// The schedule's newest execution before the backfill.
    before: Option<String>,
}

impl Runs<'_> {
    async fn list(&self) -> Result<Vec<Execution>, Error> {
        let mut pages = self.session.client.executions().list(&of(self.schedule)).limit(200).into_pages();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await? {
            for execution in page.items {
                if self.before.as_ref() == Some(&execution.id) {
                    return Ok(all);
                }
                if self.moment(&execution).is_some_and(|at| self.span.contains(&at)) {
                    all.push(execution);
                }
            }
        }
        Ok(all)
    }

    /// The moment that an execution is for, by which Temporal calls it.
    fn moment(&self, execution: &Execution) -> Option<Timestamp> {
        let moment = execution.workflow_id.as_deref()?.strip_prefix(self.schedule)?;
        moment.strip_prefix('-')?.parse().ok()
    }
}

async fn newest(session: &Session, schedule: &str) -> Result<Option<String>, Error> {
    let page = session.client.executions().list(&of(schedule)).limit(1).page().await?;
    Ok(page.items.into_iter().next().map(|execution| execution.id))
}

fn look(schedule: &str) -> String {
    format!("`tenantry execution list --schedule {schedule}` shows how far it is")
}

fn of(schedule: &str) -> Filter {
    Filter { schedule: Some(schedule.to_owned()), ..Filter::default() }
}
