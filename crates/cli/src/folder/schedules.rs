//! `schedules/*.yaml`: what starts by itself, and when.

use serde_json::{Value, json};
use tenantry_domain::{
    Invalid, ScheduleId, WorkflowName,
    schedule::{
        Calendar, CatchupWindow, Cron, Interval, Jitter, Overlap, ScheduleNote, ScheduleSpec, TimeZone,
    },
};
use tenantry_dsl::{limits, source::Node};

use super::{Entry, LARGEST, Page, Thing};

/// The fields of a schedule, in the order in which they are written.
pub(crate) const FIELDS: &[&str] =
    &["workflow", "spec", "input", "overlap", "jitter_seconds", "catchup_window_seconds", "paused", "note"];

/// The schedule that the file describes. What it leaves out is what the API takes for it.
pub(super) fn read(page: &mut Page) -> Option<Entry> {
    let root = page.root(LARGEST)?;
    let known: Vec<&str> = ["id"].into_iter().chain(FIELDS.iter().copied()).collect();
    let object = page.object(&root, &known)?;
    let id = object.get("id").map(|id| read_id(page, id));
    let workflow = page.required(&object, "workflow").and_then(|name| {
        let as_workflow = |name: &str| {
            WorkflowName::parse(name).map_err(|invalid| Invalid::new("workflow", invalid.message))
        };
        page.parsed(name, as_workflow)
    });
    let spec = page.required(&object, "spec").and_then(|spec| read_spec(page, spec));
    let input = object.get("input").map_or(Some(json!({})), |input| read_input(page, input));
    let overlap = object.get("overlap").map_or(Some(Overlap::Skip), |overlap| page.word(overlap, "overlap"));
    let jitter = object.get("jitter_seconds").map_or(Some(Jitter::default()), |node| {
        let seconds = page.whole(node)?;
        page.check(node.position, Jitter::from_seconds(seconds))
    });
    let catchup_window =
        object.get("catchup_window_seconds").map_or(Some(CatchupWindow::default()), |node| {
            let seconds = page.whole(node)?;
            page.check(node.position, CatchupWindow::from_seconds(seconds))
        });
    let paused = object.get("paused").map_or(Some(false), |paused| page.truth(paused));
    let note = match object.get("note") {
        Some(note) => page.parsed(note, ScheduleNote::parse)?.as_str().to_owned(),
        None => String::new(),
    };
    let values = [
        json!(workflow?),
        json!(spec?),
        input?,
        json!(overlap?),
        json!(jitter?.seconds()),
        json!(catchup_window?.seconds()),
        json!(paused?),
        json!(note),
    ];
    let thing: Thing = FIELDS.iter().map(|field| (*field).to_owned()).zip(values).collect();
    Some(Entry { thing, file: page.file.clone(), id: id.flatten() })
}

fn read_id(page: &mut Page, node: &Node) -> Option<String> {
    let rule = "must be that of a schedule, such as sch_01k9…";
    page.parsed(node, |id| {
        id.parse::<ScheduleId>().map(|_| id.to_owned()).map_err(|_| Invalid::new("id", rule))
    })
}

fn read_input(page: &mut Page, node: &Node) -> Option<Value> {
    let value = node.to_value();
    match limits::check(&value) {
        Ok(_) => Some(value),
        Err(why) => {
            page.fault(node.position, format!("input: {why}"));
            None
        }
    }
}

fn read_spec(page: &mut Page, node: &Node) -> Option<ScheduleSpec> {
    let object = page.object(node, &["cron", "calendar", "every_seconds", "timezone"])?;
    let timezone = match object.get("timezone") {
        Some(timezone) if object.get("every_seconds").is_some() => {
            page.fault(timezone.position, "timezone must not be with every_seconds");
            None
        }
        Some(timezone) => page.parsed(timezone, TimeZone::parse),
        None => TimeZone::parse("UTC").ok(),
    };
    match (object.get("cron"), object.get("calendar"), object.get("every_seconds")) {
        (Some(cron), None, None) => {
            let cron = page.parsed(cron, Cron::parse)?;
            Some(ScheduleSpec::Cron { cron, timezone: timezone? })
        }
        (None, Some(calendar), None) => {
            let calendar = read_calendar(page, calendar)?;
            Some(ScheduleSpec::Calendar { calendar, timezone: timezone? })
        }
        (None, None, Some(seconds)) => {
            let interval = Interval::from_seconds(page.whole(seconds)?);
            page.check(seconds.position, interval).map(ScheduleSpec::Every)
        }
        _ => {
            page.fault(node.position, "spec must have one of cron, calendar and every_seconds");
            None
        }
    }
}

fn read_calendar(page: &mut Page, node: &Node) -> Option<Calendar> {
    let calendar = serde_json::from_value::<Calendar>(node.to_value());
    let calendar = calendar.map_err(|error| page.fault(node.position, format!("calendar: {error}"))).ok()?;
    let fields = match &node.content {
        tenantry_dsl::source::Content::Mapping(entries) => entries.as_slice(),
        _ => &[],
    };
    let wrong = match calendar.check() {
        Ok(checked) => return Some(checked),
        Err(wrong) => wrong,
    };
    for invalid in wrong {
        let name = invalid.field.rsplit('.').next().unwrap_or_default();
        let at =
            fields.iter().find(|entry| entry.key == name).map_or(node.position, |entry| entry.value.position);
        page.fault(at, invalid);
    }
    None
}
