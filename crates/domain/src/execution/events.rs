//! What happens to an execution and its tasks, for people who follow it.

use std::{fmt, str::FromStr};

use crate::ExecutionStatus;

/// The place of an event among those of its execution, in their order. As text it is the id of the event.
///
/// It depends on nothing but what happened, so that whoever has heard of events up to one from one node hears of the others from any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventPlace {
    /// The execution was accepted.
    Pending,
    /// Temporal has it.
    Running,
    /// A task changed: which change of tasks it was, from 1.
    Task(u64),
    /// The execution ended.
    Ended,
}

impl EventPlace {
    /// Where an execution comes to be in this status.
    pub const fn of(status: ExecutionStatus) -> Self {
        match status {
            ExecutionStatus::Pending => Self::Pending,
            ExecutionStatus::Running => Self::Running,
            _ => Self::Ended,
        }
    }
}

/// The text is the id of no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of no event")]
pub struct NoEvent;

impl fmt::Display for EventPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("pending"),
            Self::Running => f.write_str("running"),
            Self::Task(change) => write!(f, "task-{change}"),
            Self::Ended => f.write_str("ended"),
        }
    }
}

impl FromStr for EventPlace {
    type Err = NoEvent;

    fn from_str(text: &str) -> Result<Self, NoEvent> {
        let place = match text {
            "pending" => Self::Pending,
            "running" => Self::Running,
            "ended" => Self::Ended,
            _ => {
                let change = text.strip_prefix("task-").ok_or(NoEvent)?;
                Self::Task(change.parse().map_err(|_| NoEvent)?)
            }
        };
        // Each place has one text.
        if place.to_string() == text { Ok(place) } else { Err(NoEvent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_what_it_writes_and_keep_the_order_of_events() {
        let texts = ["pending", "running", "task-1", "task-2", "task-18446744073709551615", "ended"];
        let places = texts.map(|text| text.parse::<EventPlace>().expect(text));
        assert_eq!(places.map(|place| place.to_string()), texts.map(str::to_owned));
        assert!(places.is_sorted());
    }

    #[test]
    fn should_read_nothing_else() {
        for wrong in
            ["", "Pending", "task-", "task-+1", "task-01", "task--1", "task-18446744073709551616", "1"]
        {
            assert_eq!(wrong.parse::<EventPlace>(), Err(NoEvent), "{wrong}");
        }
    }
}
