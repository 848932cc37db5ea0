//! Schedules: workflows that start by themselves.

mod backfill;

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::json;
use tenantry_client::schedules::{Calendar, Changes, NewSchedule, Note, Spec};

use self::backfill::Span;
use crate::{
    connection::Session,
    failure::Failure,
    input::{parse_span, read_json},
    paging::Paging,
};

const COLUMNS: &[&str] = &["id", "workflow", "spec", "overlap", "paused", "next_runs", "note"];
const FIELDS: &[&str] = &[
    "id",
    "workflow",
    "input",
    "spec",
    "overlap",
    "jitter_seconds",
    "catchup_window_seconds",
    "paused",
    "note",
    "next_runs",
    "applied",
    "created_at",
    "updated_at",
    "created_by",
];
const OVERLAPS: [&str; 6] =
    ["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"];

/// What to do with schedules.
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// Make a schedule
    #[command(after_help = "Examples:
  tenantry schedule create quote --cron '30 9 * * mon-fri' --timezone Europe/Zurich --input '{\"amount\": 3}'
  tenantry schedule create quote --every 15m --overlap buffer_one
  tenantry schedule create quote --calendar '{\"hour\": \"9-17\", \"day_of_week\": \"mon-fri\"}'")]
    Create(Create),
    /// List the schedules, each with its next start
    #[command(after_help = "Example:\n  tenantry schedule list")]
    List(Paging),
    /// Show one schedule, with its next starts
    #[command(after_help = "Example:\n  tenantry schedule get sch_01k9… -o json")]
    Get {
        /// Its id
        schedule: String,
    },
    /// Change a schedule
    #[command(after_help = "Example:\n  tenantry schedule update sch_01k9… --every 1h --overlap allow_all")]
    Update(Update),
    /// Delete a schedule; what it has started goes on
    #[command(after_help = "Example:\n  tenantry schedule delete sch_01k9…")]
    Delete {
        /// Its id
        schedule: String,
    },
    /// Have a schedule start nothing until it is resumed
    #[command(after_help = "Example:\n  tenantry schedule pause sch_01k9… --note 'until the new year'")]
    Pause {
        /// Its id
        schedule: String,
        /// Why, for whoever looks at it
        #[arg(long)]
        note: Option<String>,
    },
    /// Let a paused schedule go on, from now on
    #[command(after_help = "Example:\n  tenantry schedule resume sch_01k9…")]
    Resume {
        /// Its id
        schedule: String,
        /// What there is to remember, for whoever looks at it
        #[arg(long)]
        note: Option<String>,
    },
    /// Have a schedule start something now, also while it is paused
    #[command(after_help = "Example:\n  tenantry schedule trigger sch_01k9…")]
    Trigger {
        /// Its id
        schedule: String,
    },
    /// Have a schedule start what it would have started in a span of time
    #[command(after_help = "Examples:
  tenantry schedule backfill sch_01k9… --from 2026-01-01T00:00:00Z --to 2026-01-01T12:00:00Z --overlap buffer_all
  tenantry schedule backfill sch_01k9… --from 2026-01-01T00:00:00Z --to 2026-01-01T12:00:00Z --overlap allow_all --wait")]
    Backfill(Span),
    /// Show when a schedule starts next
    #[command(after_help = "Example:\n  tenantry schedule upcoming sch_01k9… --limit 30")]
    Upcoming {
        /// Its id
        schedule: String,
        /// So many starts
        #[arg(long, value_name = "1-100", value_parser = clap::value_parser!(u32).range(1..=100), default_value_t = 10)]
        limit: u32,
    },
}

/// A schedule to make.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("when").required(true).args(["cron", "calendar", "every"])))]
pub(crate) struct Create {
    /// The name of the workflow to start
    workflow: String,
    #[command(flatten)]
    settings: Settings,
    /// Let it start nothing until it is resumed
    #[arg(long)]
    paused: bool,
}

/// What is to change of a schedule.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("when").args(["cron", "calendar", "every"])))]
pub(crate) struct Update {
    /// Its id
    schedule: String,
    #[command(flatten)]
    settings: Settings,
}

/// When a schedule starts what.
#[derive(Args, Debug)]
struct Settings {
    /// Start at the moments that fit a line of cron: minute, hour, day of month, month, day of week
    #[arg(long, value_name = "LINE")]
    cron: Option<String>,
    /// Start at the moments that fit a calendar: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    calendar: Option<String>,
    /// Start again and again after this time, such as 15m
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    every: Option<Duration>,
    /// Where it is that time, such as Europe/Zurich [default: UTC]
    #[arg(long, value_name = "ZONE", conflicts_with = "every")]
    timezone: Option<String>,
    /// What each execution works on: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// What happens while the execution before has not ended
    #[arg(long, value_name = "POLICY", value_parser = OVERLAPS)]
    overlap: Option<String>,
    /// By how much each start may be late, at random
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    jitter: Option<Duration>,
    /// How late a start may be that was missed while Temporal was away
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    catchup_window: Option<Duration>,
    /// What there is to remember, for whoever looks at it
    #[arg(long)]
    note: Option<String>,
}

impl Settings {
    fn read(self) -> Result<Changes, Failure> {
        let calendar = self.calendar.as_deref().map(read_calendar).transpose()?;
        let every_seconds = self.every.map(|span| span.as_secs());
        let spec = Spec { cron: self.cron, calendar, timezone: self.timezone, every_seconds };
        Ok(Changes {
            input: self.input.as_deref().map(read_json).transpose()?,
            spec: Some(spec).filter(|spec| *spec != Spec::default()),
            overlap: self.overlap,
            jitter_seconds: self.jitter.map(|span| span.as_secs()),
            catchup_window_seconds: self.catchup_window.map(|span| span.as_secs()),
            paused: None,
            note: self.note,
        })
    }
}

fn read_calendar(argument: &str) -> Result<Calendar, Failure> {
    serde_json::from_value(read_json(argument)?)
        .map_err(|error| Failure::invalid(format!("the calendar is none: {error}")))
}

impl Schedule {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let schedules = session.client.schedules();
        let call = match self {
            Self::List(paging) => {
                let list = paging.fetch(schedules.list()).await?;
                return Ok(session.output.many(list, COLUMNS)?);
            }
            Self::Delete { schedule } => {
                let deleted = schedules.delete(&schedule).raw().send().await?;
                return Ok(session.output.sentence(&deleted, &format!("deleted {schedule}"))?);
            }
            Self::Upcoming { schedule, limit } => return upcoming(&session, &schedule, limit).await,
            Self::Create(Create { workflow, settings, paused }) => {
                let settings = Changes { paused: paused.then_some(true), ..settings.read()? };
                schedules.create(&NewSchedule { workflow, settings })
            }
            Self::Update(Update { schedule, settings }) => schedules.update(&schedule, &settings.read()?),
            Self::Get { schedule } => schedules.get(&schedule),
            Self::Pause { schedule, note } => schedules.pause(&schedule, &Note { note }),
            Self::Resume { schedule, note } => schedules.resume(&schedule, &Note { note }),
            Self::Trigger { schedule } => schedules.trigger(&schedule),
            Self::Backfill(span) => return span.run(&session).await,
        };
        Ok(session.output.one(&call.raw().send().await?, FIELDS)?)
    }
}

/// In a table each moment is a row.
async fn upcoming(session: &Session, schedule: &str, limit: u32) -> Result<(), Failure> {
    let list = session.client.schedules().upcoming(schedule).limit(limit).raw();
    let moments = list.page().await?.items;
    if session.output.is_table() {
        let rows = moments.into_iter().map(|at| json!({ "starts_at": at })).collect();
        return Ok(session.output.many(rows, &["starts_at"])?);
    }
    Ok(session.output.value(&moments.into())?)
}
