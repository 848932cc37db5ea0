//! How a course is shown.

use std::collections::HashMap;

use chrono::TimeDelta;
use tenantry_client::{
    Timestamp,
    executions::{Event, Execution, ExecutionStatus, Task},
};
use tenantry_domain::{Clock as _, SystemClock};

use super::course::{Course, Placed, is_running, word};
use crate::{
    output::note,
    progress::Progress,
    terminal::{Line, Style, one_line},
};

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// How much of a line names may take: half of it.
const NAMES: usize = 2;

/// What is shown of an execution.
pub(super) struct View {
    course: Course,
    progress: Progress,
    frame: usize,
    /// What was said of each task, where nothing can be drawn.
    said: HashMap<u64, String>,
    said_of_execution: Option<ExecutionStatus>,
}

impl View {
    pub(super) fn new(course: Course) -> Self {
        Self { course, progress: Progress::new(), frame: 0, said: HashMap::new(), said_of_execution: None }
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The id of the execution.
    pub(super) fn execution(&self) -> &str {
        &self.course.id
    }

    /// Whether it is drawn, and not told.
    pub(super) fn is_live(&self) -> bool {
        self.progress.terminal().is_some()
    }

    /// Takes in what was told.
    pub(super) fn take(&mut self, event: Event) {
        let entry = self.course.take(event);
        if self.is_live() {
            return;
        }
        match entry {
            Some(entry) => self.say_task(entry),
            None => self.say_execution(),
        }
    }

    /// Draws how it is now.
    pub(super) fn draw(&mut self) {
        if let Some(terminal) = self.progress.terminal() {
            let (rows, columns) = terminal.size();
            self.frame += 1;
            self.progress.show_lines(&self.lines(SystemClock.now(), (rows.saturating_sub(1), columns)));
        }
    }

    /// Leaves how it ended.
    pub(super) fn end(&mut self, ended: &Execution) {
        (self.course.status, self.course.ended_at) = (ended.status, ended.ended_at);
        self.draw();
        self.progress.keep();
    }

    /// So many lines at most, for so many columns: the execution, and those of its tasks that matter most.
    fn lines(&self, now: Timestamp, (rows, columns): (usize, usize)) -> Vec<Line> {
        let course = &self.course;
        let tasks = course.tasks();
        let (shown, left_out) = most_telling(&tasks, rows.saturating_sub(1));
        let (style, symbol) = self.marked(word(course.status), !course.status.is_final());
        let took = length(course.started_at, course.ended_at, now);
        let mut lines = vec![
            Line::new()
                .styled(style, symbol)
                .text(" ")
                .styled(Style::Strong, &course.work)
                .text(&format!(" {} {} ", course.id, word(course.status)))
                .styled(Style::Faint, &took),
        ];
        if left_out > 0 {
            lines.push(Line::new().styled(Style::Faint, &format!("  … {left_out} more tasks")));
        }
        let begun = |placed: &Placed<'_>| {
            let (style, symbol) = self.marked(&placed.task.status, is_running(placed.task));
            let indent = " ".repeat(2 + 2 * placed.depth);
            let line = Line::new().text(&indent).styled(style, symbol).text(" ");
            let room = (columns / NAMES).saturating_sub(line.width());
            line.text(&Line::new().text(&placed.task.name).cut(room, false))
        };
        let names = shown.iter().map(|placed| begun(placed).width()).max().unwrap_or_default();
        lines.extend(shown.iter().map(|placed| {
            let task = placed.task;
            let line = begun(placed).fill(names).styled(Style::Faint, &format!("  {:<6}", task.kind));
            let line = match task.status.as_str() {
                "running" | "completed" => line,
                other => line.text(&format!("  {other}")),
            };
            let line = match task.status.as_str() {
                "skipped" => line,
                _ => line.styled(Style::Faint, &format!("  {}", length(task.started_at, task.ended_at, now))),
            };
            reason(task)
                .into_iter()
                .fold(line, |line, reason| line.styled(Style::Bad, &format!("  {reason}")))
        }));
        lines
    }

    fn marked(&self, status: &str, is_busy: bool) -> (Style, &'static str) {
        if is_busy { (Style::Busy, SPINNER[self.frame % SPINNER.len()]) } else { mark(status) }
    }

    fn say_execution(&mut self) {
        let course = &self.course;
        if self.said_of_execution.replace(course.status) == Some(course.status) {
            return;
        }
        let took =
            course.ended_at.map(|ended| format!(" after {}", length(course.started_at, Some(ended), ended)));
        note(&one_line(&format!("{}: {}{}", course.id, word(course.status), took.unwrap_or_default())));
    }

    fn say_task(&mut self, entry: u64) {
        let Some((name, task)) = self.course.named(entry) else { return };
        let took = task.ended_at.filter(|_| task.status != "skipped");
        let took = took.map(|ended| format!(" after {}", length(task.started_at, Some(ended), ended)));
        let reason = reason(task).map(|reason| format!(": {reason}"));
        let (took, reason) = (took.unwrap_or_default(), reason.unwrap_or_default());
        let line = one_line(&format!("{name}: {}{took}{reason}", task.status));
        if self.said.insert(entry, line.clone()).as_ref() != Some(&line) {
            note(&line);
        }
    }
}

/// So many tasks at most, in their order: those that run, and the latest of the others. And how many are left out.
fn most_telling<'a>(tasks: &[Placed<'a>], rows: usize) -> (Vec<Placed<'a>>, usize) {
    if tasks.len() <= rows {
        return (tasks.to_vec(), 0);
    }
    // One row says how many there are.
    let rows = rows.saturating_sub(1);
    let mut by_weight: Vec<usize> = (0..tasks.len()).collect();
    by_weight.sort_by_key(|place| (!is_running(tasks[*place].task), std::cmp::Reverse(*place)));
    by_weight.truncate(rows);
    by_weight.sort_unstable();
    (by_weight.into_iter().map(|place| tasks[place]).collect(), tasks.len() - rows)
}

fn mark(status: &str) -> (Style, &'static str) {
    match status {
        "completed" => (Style::Good, "✓"),
        "skipped" => (Style::Faint, "–"),
        "failed" | "timed_out" => (Style::Bad, "✗"),
        _ => (Style::Faint, "■"),
    }
}

/// What a task failed with.
fn reason(task: &Task) -> Option<&str> {
    let error = task.error.as_ref()?;
    error.detail.as_deref().or(error.title.as_deref())
}

/// How long something took, or takes.
fn length(began: Timestamp, ended: Option<Timestamp>, now: Timestamp) -> String {
    // The clocks of two machines may differ.
    let took = (ended.unwrap_or(now) - began).max(TimeDelta::zero());
    let (minutes, seconds) = (took.num_minutes(), took.num_seconds() % 60);
    match minutes {
        0 => format!("{seconds}.{} s", took.subsec_millis() / 100),
        1..60 => format!("{minutes} min {seconds:02} s"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_timestamp_millis(milliseconds).expect("a moment")
    }

    #[test]
    fn should_say_how_long_something_takes() {
        let check = |milliseconds, said: &str| assert_eq!(length(at(0), None, at(milliseconds)), said);
        check(-1, "0.0 s");
        check(1_970, "1.9 s");
        check(59_999, "59.9 s");
        check(61_000, "1 min 01 s");
        check(3_600_000, "1 h 00 min");
        check(360_000_000, "100 h 00 min");
    }

    fn task(entry: u64, reference: &str, status: &str) -> Event {
        let name = reference.rsplit('/').next();
        let task = json!({
            "entry": entry, "change": entry, "reference": reference, "name": name, "type": "set", "status": status,
            "started_at": "2026-01-31T12:00:00Z", "ended_at": null, "attempt": 1, "error": null,
        });
        Event::Task(serde_json::from_value(task).expect("a task"))
    }

    fn view() -> View {
        let execution = json!({
            "id": "exe_1", "workflow": "quote", "status": "running", "started_at": "2026-01-31T12:00:00Z",
        });
        View::new(Course::of(&serde_json::from_value(execution).expect("an execution")))
    }

    fn drawn(view: &View, rows: usize) -> Vec<String> {
        let lines = view.lines("2026-01-31T12:00:05Z".parse().expect("a moment"), (rows, 80));
        lines.iter().map(|line| line.cut(80, false).trim_end().to_owned()).collect()
    }

    #[test]
    fn should_show_what_runs_and_the_latest_of_the_rest_where_there_is_no_room_for_all() {
        let mut view = view();
        view.course.take(task(1, "/do/0/outer", "running"));
        for entry in 2..9 {
            view.course.take(task(entry, "/do/0/outer/do/0/step", "completed"));
        }
        view.course.take(task(9, "/do/0/outer/do/1/rest", "running"));
        let all = drawn(&view, 20);
        assert_eq!(all.len(), 10);
        assert_eq!(all[1..3], ["  ⠋ outer   set     5.0 s", "    ✓ step  set     5.0 s"]);
        let some = drawn(&view, 5);
        let expected = [
            "  … 6 more tasks",
            "  ⠋ outer   set     5.0 s",
            "    ✓ step  set     5.0 s",
            "    ⠋ rest  set     5.0 s",
        ];
        assert_eq!(some[1..], expected);
        assert_eq!(drawn(&view, 2).len(), 2);
    }
}
