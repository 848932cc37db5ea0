//! What happened in an execution, as Temporal remembers it.

use std::{fmt, str::FromStr};

use serde_json::Value;
use uuid::Uuid;

use crate::{ExecutionId, Timestamp};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEvent {
    /// Where it stands.
    pub place: HistoryPlace,
    /// When it happened, by Temporal's clock.
    pub at: Option<Timestamp>,
    /// What happened, in Temporal's word for it, such as `TimerFired`.
    pub kind: String,
    /// What there is to say about it.
    pub attributes: Value,
}

/// The place of an event in the history of an execution. As text it is what the next page comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPlace {
    /// Whose history it is.
    pub execution: ExecutionId,
    /// In which of its runs.
    pub run_id: Uuid,
    /// The event's number in that run, from 1.
    pub event_id: i64,
}

/// The text names no place in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no place in a history")]
pub struct NoPlace;

impl fmt::Display for HistoryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}~{}", self.execution, self.run_id, self.event_id)
    }
}

impl FromStr for HistoryPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let mut parts = text.split('~');
        let mut part = || parts.next().ok_or(NoPlace);
        let (execution, run_id, event_id) = (part()?, part()?, part()?);
        let place = Self {
            execution: execution.parse().map_err(|_| NoPlace)?,
            run_id: run_id.parse().map_err(|_| NoPlace)?,
            event_id: event_id.parse().map_err(|_| NoPlace)?,
        };
        // Each place has one text.
        if place.event_id < 1 || place.to_string() != text { Err(NoPlace) } else { Ok(place) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_what_it_writes_and_nothing_else() {
        let text = "exe_01h455vb4pex5vsknk084sn02q~01a20b9c-65eb-72fd-b566-f810e78092af~12";
        assert_eq!(text.parse::<HistoryPlace>().map(|place| place.to_string()), Ok(text.to_owned()));
        let (start, _) = text.rsplit_once('~').expect("a number");
        for wrong in [
            String::new(),
            start.to_owned(),
            format!("{start}~0"),
            format!("{start}~-1"),
            format!("{start}~012"),
            format!("{start}~12~"),
            text.replace("exe_", "wf_"),
            text.replace("01a20b9c-", "01A20B9C-"),
        ] {
            assert_eq!(wrong.parse::<HistoryPlace>(), Err(NoPlace), "{wrong}");
        }
    }
}
