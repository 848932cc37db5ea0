//! What is remembered of an execution's tasks.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tenantry_dsl::{
    interpreter::{Command, Event, Interpreter, Outcome, Pause, Progress, Start, TaskState, TaskStatus},
    limits,
};

use super::definition;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn interpreter(rest: &str, input: Value) -> Interpreter {
    let start = Start { execution_id: "exe_1".to_owned(), input, started_at: at(0) };
    Interpreter::new(definition(rest), crate::sandbox(), start)
}

/// Each task in a line: where, what, how far, from when to when.
fn lines(interpreter: &Interpreter) -> Vec<String> {
    let line = |task: TaskState| {
        let ended = task.ended_at.map_or("…".to_owned(), |ended| ended.timestamp().to_string());
        let status = json!(task.status);
        format!("{} {} {} {}–{ended}", task.reference, task.kind, status, task.started_at.timestamp())
    };
    interpreter.tasks().into_iter().map(line).collect()
}

const NESTED: &str = "
do:
  - first: {set: {n: 1}}
  - never: {if: '${ .n == 2 }', set: {n: 3}}
  - outer:
      do:
        - rest: {wait: {seconds: 5}}
        - choose: {switch: [{all: {then: end}}]}
        - last: {set: {n: 4}}
";

#[test]
fn should_tell_how_far_it_has_come_and_how_it_ended() {
    let mut interpreter = interpreter(NESTED, json!({}));
    assert!(interpreter.tasks().is_empty());
    let Progress::Waiting(commands) = interpreter.advance(Event::Started, at(1)) else { panic!("it waits") };
    let done = [r#"/do/0/first set "completed" 1–1"#, r#"/do/1/never set "skipped" 1–1"#];
    let running = [r#"/do/2/outer do "running" 1–…"#, r#"/do/2/outer/do/0/rest wait "running" 1–…"#];
    assert_eq!(lines(&interpreter), [&done[..], &running].concat());

    let Command::StartTimer { id, .. } = commands[0].clone() else { panic!("a timer") };
    interpreter.advance(Event::Finished { id, outcome: Ok(Outcome::Elapsed) }, at(6));
    let ended = [
        r#"/do/2/outer do "completed" 1–6"#,
        r#"/do/2/outer/do/0/rest wait "completed" 1–6"#,
        r#"/do/2/outer/do/1/choose switch "completed" 6–6"#,
    ];
    assert_eq!(lines(&interpreter), [&done[..], &ended].concat(), "also the one that `end` left");
}

#[test]
fn should_number_each_task_and_each_change_in_their_order() {
    let numbers = |interpreter: &Interpreter| -> Vec<(u64, u64)> {
        interpreter.tasks().iter().map(|task| (task.entry, task.change)).collect()
    };
    let mut first = interpreter(NESTED, json!({}));
    let Progress::Waiting(commands) = first.advance(Event::Started, at(1)) else { panic!("it waits") };
    assert_eq!(numbers(&first), [(1, 2), (2, 4), (3, 5), (4, 6)]);
    // Another that takes it up counts on.
    let written = first.snapshot().expect("it waits");
    let start = Start { execution_id: "exe_1".to_owned(), input: json!({}), started_at: at(0) };
    let mut second = Interpreter::restore(first.definition().clone(), crate::sandbox(), start, written)
        .expect("of the same definition");
    let Command::StartTimer { id, .. } = commands[0].clone() else { panic!("a timer") };
    for interpreter in [&mut first, &mut second] {
        interpreter.advance(Event::Finished { id, outcome: Ok(Outcome::Elapsed) }, at(6));
        assert_eq!(numbers(interpreter), [(1, 2), (2, 4), (3, 10), (4, 7), (5, 9)]);
    }
}

#[test]
fn should_tell_the_error_of_the_task_that_raised_it() {
    let mut interpreter = interpreter("do: [{outer: {do: [{bad: {set: '${ error }'}}]}}]", json!({}));
    let Progress::Failed(error) = interpreter.advance(Event::Started, at(1)) else { panic!("it fails") };
    let tasks = interpreter.tasks();
    let statuses: Vec<_> = tasks.iter().map(|task| (task.name.as_str(), task.status)).collect();
    assert_eq!(statuses, [("outer", TaskStatus::Failed), ("bad", TaskStatus::Failed)]);
    assert_eq!((&tasks[0].error, &tasks[1].error), (&None, &Some(error)));
    assert_eq!(tasks[1].attempt, 1);
}

#[test]
fn should_tell_that_it_was_canceled() {
    let mut interpreter = interpreter(NESTED, json!({}));
    interpreter.advance(Event::Started, at(1));
    interpreter.cancel(at(3));
    let canceled = [r#"/do/2/outer do "canceled" 1–3"#, r#"/do/2/outer/do/0/rest wait "canceled" 1–3"#];
    assert_eq!(lines(&interpreter)[2..], canceled);
}

#[test]
fn should_remember_the_latest_of_many_and_what_still_runs() {
    let again = "
do:
  - outer:
      do:
        - count: {set: {n: '${ .n + 1 }'}}
        - again: {switch: [{more: {when: '${ .n < 2000 }', then: count}}]}
        - rest: {wait: {seconds: 1}}
";
    let mut interpreter = interpreter(again, json!({"n": 0}));
    let mut event = Event::Started;
    while let Progress::Paused(_) = interpreter.advance(event, at(1)) {
        event = Event::Resumed;
    }
    let tasks = interpreter.tasks();
    assert_eq!(tasks.len(), limits::TASK_STATES);
    assert_eq!((tasks[0].name.as_str(), tasks[0].status), ("outer", TaskStatus::Running));
    assert_eq!(tasks[tasks.len() - 1].name, "rest");
}

#[test]
fn should_remember_no_more_than_it_has_room_for() {
    let name = "n".repeat(100_000);
    let again = format!(
        "do: [{{{name}: {{set: {{n: '${{ .n + 1 }}'}}}}}}, {{again: {{switch: [{{more: {{when: '${{ .n < 900 }}', then: {name}}}}}]}}}}]"
    );
    let mut interpreter = interpreter(&again, json!({"n": 0}));
    assert_eq!(interpreter.advance(Event::Started, at(1)), Progress::Paused(Pause::Tasks));
    assert!(matches!(interpreter.advance(Event::Resumed, at(1)), Progress::Completed(_)));
    let tasks = interpreter.tasks();
    assert!((50..900).contains(&tasks.len()), "{}", tasks.len());
    assert!(json!(tasks).to_string().len() <= limits::TASK_STATE_BYTES);
    assert!(tasks[0].name.len() < 2 * limits::TASK_TEXT_BYTES);
}
