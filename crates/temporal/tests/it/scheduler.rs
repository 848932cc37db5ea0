//! Schedules in a real Temporal: when they are due, what they start, and how they are brought to what is stored.

use std::time::Duration;

use serde_json::{Value, json};
use tenantry_domain::{
    Clock as _, ExecutionId, OrgScope, Schedule, ScheduleId, SystemClock, Timestamp,
    execution::Outcome,
    schedule::{Calendar, CatchupWindow, Cron, Interval, Jitter, Overlap, ScheduleSpec, TimeZone},
};
use tenantry_temporal::{
    Error, ScheduledStart, Scheduler, Temporal,
    scheduler::{Backfill, Outlook, State},
};
use tokio::time::Instant;

use crate::harness::{Fixture, eventually, organization, provisioned, temporal_address};

fn cron(line: &str, timezone: &str) -> ScheduleSpec {
    let (cron, timezone) = (Cron::parse(line).expect(line), TimeZone::parse(timezone).expect(timezone));
    ScheduleSpec::Cron { cron, timezone }
}

fn every(seconds: i64) -> ScheduleSpec {
    ScheduleSpec::Every(Interval::from_seconds(seconds).expect("an interval"))
}

/// Due in a hundred years.
fn never() -> ScheduleSpec {
    let calendar = Calendar { year: Some("2100".to_owned()), ..Calendar::default() };
    ScheduleSpec::Calendar { calendar, timezone: TimeZone::parse("UTC").expect("a time zone") }
}

fn schedule(spec: ScheduleSpec) -> Schedule {
    let now = SystemClock.now();
    Schedule {
        id: ScheduleId::generate(now),
        workflow: "test".to_owned(),
        input: Some(json!({})),
        spec,
        overlap: Overlap::AllowAll,
        jitter: Jitter::default(),
        catchup_window: CatchupWindow::default(),
        paused: false,
        note: "a note".to_owned(),
        applied: false,
        next_run_at: None,
        created_at: now,
        updated_at: now,
        created_by: None,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// An organization with a namespace of its own, and the scheduler.
async fn fixture() -> (Fixture, Scheduler) {
    let fixture = Fixture::new().await;
    let scheduler = Scheduler::new(fixture.temporal.clone());
    (fixture, scheduler)
}

async fn upcoming(scheduler: &Scheduler, scope: &OrgScope, spec: ScheduleSpec, after: &str) -> Vec<String> {
    let schedule = schedule(spec);
    scheduler.apply(scope, &schedule, State::Rests).await.expect("it is applied");
    // The server's own worker of a new namespace takes its time.
    let mut upcoming = scheduler.upcoming(scope, schedule.id, at(after), 4).await;
    while matches!(upcoming, Err(Error::Unavailable(_))) {
        upcoming = scheduler.upcoming(scope, schedule.id, at(after), 4).await;
    }
    let upcoming = upcoming.expect("an answer").expect("moments");
    upcoming.iter().map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)).collect()
}

#[tokio::test]
async fn should_be_due_by_the_clock_of_the_time_zone_where_it_is_put_forward_and_back() {
    let (fixture, scheduler) = fixture().await;
    let half_past_two = "30 2 * * *";
    for (line, timezone, after, expected) in [
        // On 29 March 2026 there is no 02:30 in Zurich: that day is left out.
        (
            half_past_two,
            "Europe/Zurich",
            "2026-03-27T12:00:00Z",
            ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z", "2026-04-01T00:30:00Z"],
        ),
        // On 25 October 2026 there are two: the second counts.
        (
            half_past_two,
            "Europe/Zurich",
            "2026-10-23T12:00:00Z",
            ["2026-10-24T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"],
        ),
        (
            half_past_two,
            "America/New_York",
            "2026-03-07T00:00:00Z",
            ["2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z", "2026-03-10T06:30:00Z", "2026-03-11T06:30:00Z"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T00:00:00Z",
            ["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-02T06:30:00Z"],
        ),
        // Where the clock stays, nothing happens.
        (
            half_past_two,
            "UTC",
            "2026-03-27T12:00:00Z",
            ["2026-03-28T02:30:00Z", "2026-03-29T02:30:00Z", "2026-03-30T02:30:00Z", "2026-03-31T02:30:00Z"],
        ),
        // Each hour of the day stays each hour.
        (
            "0 * * * *",
            "Europe/Zurich",
            "2026-03-29T00:00:01Z",
            ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", "2026-03-29T03:00:00Z", "2026-03-29T04:00:00Z"],
        ),
    ] {
        let found = upcoming(&scheduler, &fixture.scope, cron(line, timezone), after).await;
        assert_eq!(found, expected, "{line} in {timezone}");
    }
}

#[tokio::test]
async fn should_be_due_as_each_kind_of_spec_says() {
    let (fixture, scheduler) = fixture().await;
    let some = |text: &str| Some(text.to_owned());
    let calendar = |calendar| ScheduleSpec::Calendar {
        calendar,
        timezone: TimeZone::parse("Asia/Kathmandu").expect("a time zone"),
    };
    let fridays = Calendar {
        second: some("5"),
        minute: some("*/30"),
        hour: some("9"),
        day_of_month: some("13"),
        month: some("JAN-DEC"),
        year: some("2026-2030/2"),
        day_of_week: some("FRI"),
    };
    for (spec, expected) in [
        (
            every(45),
            ["2026-01-01T00:00:45Z", "2026-01-01T00:01:30Z", "2026-01-01T00:02:15Z", "2026-01-01T00:03:00Z"],
        ),
        // Sunday has two numbers.
        (
            cron("0 0 * * 7", "UTC"),
            ["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z", "2026-01-18T00:00:00Z", "2026-01-25T00:00:00Z"],
        ),
        (
            cron("0-5/5,7 0 1 JAN,2-3/1 0-6", "UTC"),
            ["2026-01-01T00:05:00Z", "2026-01-01T00:07:00Z", "2026-02-01T00:00:00Z", "2026-02-01T00:05:00Z"],
        ),
        // Far apart.
        (
            cron("0 0 29 2 *", "UTC"),
            ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z", "2036-02-29T00:00:00Z", "2040-02-29T00:00:00Z"],
        ),
        (
            calendar(fridays),
            ["2026-02-13T03:15:05Z", "2026-02-13T03:45:05Z", "2026-03-13T03:15:05Z", "2026-03-13T03:45:05Z"],
        ),
        (
            calendar(Calendar { day_of_week: some("0,7"), ..Calendar::default() }),
            ["2026-01-03T18:15:00Z", "2026-01-10T18:15:00Z", "2026-01-17T18:15:00Z", "2026-01-24T18:15:00Z"],
        ),
    ] {
        let said = format!("{spec:?}");
        let found = upcoming(&scheduler, &fixture.scope, spec, "2026-01-01T00:00:01Z").await;
        assert_eq!(found, expected, "{said}");
    }
    let past = Calendar { year: some("2020"), ..Calendar::default() };
    let found = upcoming(&scheduler, &fixture.scope, calendar(past), "2026-01-01T00:00:00Z").await;
    assert_eq!(found, Vec::<String>::new());
}

/// What Temporal says of a schedule, once it finds the time to.
async fn look(scheduler: &Scheduler, scope: &OrgScope, schedule: ScheduleId) -> Outlook {
    loop {
        match scheduler.look(scope, schedule).await {
            Err(Error::Unavailable(_)) => {}
            outlook => return outlook.expect("an outlook"),
        }
    }
}

/// Waits until so many runs have been recorded.
async fn runs(fixture: &Fixture, at_least: usize) {
    eventually(async || fixture.journal.started().len() >= at_least).await;
}

#[tokio::test]
async fn should_start_what_is_due_and_record_it_as_an_execution_first() {
    let (fixture, scheduler) = fixture().await;
    let (pool, schedule) = (fixture.pool(), schedule(every(1)));
    pool.ensure(&fixture.scope);
    scheduler.apply(&fixture.scope, &schedule, State::Works).await.expect("it is applied");
    runs(&fixture, 2).await;
    for (execution, run) in fixture.journal.started().into_iter().take(2) {
        assert_eq!((run.schedule, run.attempt), (schedule.id, 1));
        assert!(run.workflow_id.as_str().starts_with(&format!("{}-20", schedule.id)), "{run:?}");
        let outcome = fixture.journal.outcome(execution).await;
        assert_eq!(outcome, Outcome::Completed(json!({ "id": execution.to_string() })));
    }
    scheduler.delete(&fixture.scope, schedule.id).await.expect("it is deleted");
    pool.stop().await;
}

#[tokio::test]
async fn should_rest_and_go_on_as_it_is_applied() {
    let (fixture, scheduler) = fixture().await;
    let (pool, schedule) = (fixture.pool(), schedule(every(1)));
    pool.ensure(&fixture.scope);
    let scope = &fixture.scope;
    scheduler.apply(scope, &schedule, State::Rests).await.expect("it is applied");
    assert_eq!(look(&scheduler, scope, schedule.id).await, Outlook::default());
    let since = Instant::now();
    eventually(async || since.elapsed() > Duration::from_secs(3)).await;
    assert!(fixture.journal.started().is_empty());
    for round in 1..3 {
        scheduler.apply(scope, &schedule, State::Works).await.expect("it is applied");
        runs(&fixture, round).await;
    }
    assert!(look(&scheduler, scope, schedule.id).await.next.is_some());
    scheduler.apply(scope, &schedule, State::Rests).await.expect("it is applied");
    assert_eq!(look(&scheduler, scope, schedule.id).await.next, None);
    scheduler.delete(scope, schedule.id).await.expect("it is deleted");
    scheduler.delete(scope, schedule.id).await.expect("it is deleted, and may be again");
    pool.stop().await;
}

#[tokio::test]
async fn should_start_something_when_told_to() {
    let (fixture, scheduler) = fixture().await;
    let (pool, mut schedule) = (fixture.pool(), schedule(never()));
    pool.ensure(&fixture.scope);
    let scope = &fixture.scope;
    assert!(!scheduler.trigger(scope, schedule.id).await.expect("an answer"), "there is none");
    scheduler.apply(scope, &schedule, State::Rests).await.expect("it is applied");
    assert!(scheduler.trigger(scope, schedule.id).await.expect("an answer"));
    runs(&fixture, 1).await;

    schedule.spec = cron("0 * * * *", "UTC");
    scheduler.apply(scope, &schedule, State::Rests).await.expect("it is applied");
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T03:00:00Z"));
    let backfill = Backfill { from, to, overlap: Some(Overlap::BufferAll) };
    assert!(scheduler.backfill(scope, schedule.id, backfill).await.expect("an answer"));
    runs(&fixture, 5).await;
    let started = fixture.journal.started();
    let mut times: Vec<String> = started[1..].iter().map(|(_, run)| run.workflow_id.to_string()).collect();
    times.sort();
    let expected = ["00", "01", "02", "03"].map(|hour| format!("{}-2026-01-01T{hour}:00:00Z", schedule.id));
    assert_eq!(times, expected);

    // The same span again: the same names, other runs.
    assert!(scheduler.backfill(scope, schedule.id, backfill).await.expect("an answer"));
    runs(&fixture, 9).await;
    let mut run_ids: Vec<String> = fixture.journal.started().into_iter().map(|(_, run)| run.run_id).collect();
    run_ids.sort();
    run_ids.dedup();
    assert_eq!(run_ids.len(), 9);
    for (execution, _) in fixture.journal.started() {
        fixture.journal.outcome(execution).await;
    }
    pool.stop().await;
}

#[tokio::test]
async fn should_end_what_was_recorded_as_failed_or_is_nothing() {
    let (fixture, scheduler) = fixture().await;
    let (pool, schedule) = (fixture.pool(), schedule(never()));
    pool.ensure(&fixture.scope);
    let scope = &fixture.scope;
    scheduler.apply(scope, &schedule, State::Works).await.expect("it is applied");
    for (index, answer) in [ScheduledStart::Failed(json!({ "detail": "too many" })), ScheduledStart::Gone]
        .into_iter()
        .enumerate()
    {
        fixture.journal.answer(answer);
        assert!(scheduler.trigger(scope, schedule.id).await.expect("an answer"));
        runs(&fixture, index + 1).await;
        // Names have seconds.
        let since = Instant::now();
        eventually(async || since.elapsed() > Duration::from_millis(1100)).await;
    }
    assert_eq!(fixture.journal.entries(), [], "what is recorded as failed has its end");
    assert_eq!(fixture.journal.started().len(), 2, "and is not tried again");
    pool.stop().await;
}

#[tokio::test]
async fn should_record_a_start_until_that_succeeds() {
    let (fixture, scheduler) = fixture().await;
    let (pool, schedule) = (fixture.pool(), schedule(never()));
    pool.ensure(&fixture.scope);
    scheduler.apply(&fixture.scope, &schedule, State::Works).await.expect("it is applied");
    fixture.journal.answer(ScheduledStart::Later);
    assert!(scheduler.trigger(&fixture.scope, schedule.id).await.expect("an answer"));
    runs(&fixture, 2).await;
    let definition = crate::harness::definition(json!([{ "a": { "set": { "n": 1 } } }]));
    let (execution, first) = fixture.journal.started()[0].clone();
    fixture.journal.answer(ScheduledStart::Run {
        execution,
        workflow: "test".to_owned(),
        revision: 1,
        definition,
        input: Value::Null,
    });
    assert_eq!(fixture.journal.outcome(execution).await, Outcome::Completed(json!({ "n": 1 })));
    let started = fixture.journal.started();
    assert!(started.iter().all(|(_, run)| run.run_id == first.run_id), "it is one run: {started:?}");
    assert!(started.windows(2).all(|pair| pair[1].1.attempt > pair[0].1.attempt), "{started:?}");
    pool.stop().await;
}

#[tokio::test]
async fn should_stay_the_execution_as_which_it_was_recorded_when_it_goes_on_in_another_run() {
    let (fixture, scheduler) = fixture().await;
    let (pool, schedule) = (fixture.pool(), schedule(never()));
    pool.ensure(&fixture.scope);
    scheduler.apply(&fixture.scope, &schedule, State::Works).await.expect("it is applied");
    // So costly that a portion ends after some of these tasks, and with it the run.
    let burn = json!({
        "n": "${ (.n // 0) + 1 }", "id": "${ $workflow.id }", "cost": "${ [range(100000)] | length }"
    });
    let again = json!([
        { "done": { "when": ".n >= 60", "then": "end" } },
        { "more": { "then": "burn" } },
    ]);
    let definition =
        crate::harness::definition(json!([{ "burn": { "set": burn } }, { "again": { "switch": again } }]));
    let execution = ExecutionId::generate(SystemClock.now());
    fixture.journal.answer(ScheduledStart::Run {
        execution,
        workflow: "test".to_owned(),
        revision: 1,
        definition,
        input: json!({}),
    });
    assert!(scheduler.trigger(&fixture.scope, schedule.id).await.expect("an answer"));
    let Outcome::Completed(output) = fixture.journal.outcome(execution).await else { panic!("it completes") };
    assert_eq!((&output["n"], &output["id"]), (&json!(60), &json!(execution)));
    let started = fixture.journal.started();
    assert_eq!(started.len(), 1, "it is recorded once: {started:?}");
    assert_ne!(
        fixture.journal.latest_run_id().as_ref(),
        Some(&started[0].1.run_id),
        "it went on in another run"
    );
    pool.stop().await;
}

#[tokio::test]
async fn should_tell_what_it_has_started_and_starts_next() {
    let (fixture, scheduler) = fixture().await;
    let scope = &fixture.scope;
    for overlap in [Overlap::AllowAll, Overlap::Skip] {
        let schedule = Schedule { overlap, ..schedule(every(3600)) };
        let begun = SystemClock.now();
        scheduler.apply(scope, &schedule, State::Works).await.expect("it is applied");
        let outlook = look(&scheduler, scope, schedule.id).await;
        assert!(outlook.next.is_some_and(|next| next > begun) && outlook.started.is_empty(), "{outlook:?}");
        assert!(scheduler.trigger(scope, schedule.id).await.expect("an answer"));
        // Nobody takes it in hand, and nobody has to.
        eventually(async || look(&scheduler, scope, schedule.id).await.started.len() == 1).await;
        let start = look(&scheduler, scope, schedule.id).await.started.remove(0);
        assert!(start.workflow_id.starts_with(&schedule.id.to_string()), "{start:?}");
        assert!(start.at.is_some_and(|at| at > begun), "{start:?}");
    }
}

#[tokio::test]
async fn should_reach_schedules_of_its_own_organization_alone() {
    let (fixture, scheduler) = fixture().await;
    let schedule = schedule(every(3600));
    scheduler.apply(&fixture.scope, &schedule, State::Works).await.expect("it is applied");
    let other = provisioned(&fixture.temporal).await;
    assert_eq!(look(&scheduler, &other, schedule.id).await, Outlook::default());
    assert!(!scheduler.trigger(&other, schedule.id).await.expect("an answer"));
    let moments = scheduler.upcoming(&other, schedule.id, SystemClock.now(), 5).await.expect("an answer");
    assert_eq!(moments, None);
    scheduler.delete(&other, schedule.id).await.expect("there is none");
    assert!(look(&scheduler, &fixture.scope, schedule.id).await.next.is_some());
}

#[tokio::test]
async fn should_say_that_there_is_no_namespace_and_not_that_there_is_no_schedule() {
    let scheduler = Scheduler::new(Temporal::connect(temporal_address()).expect("an address"));
    let (scope, schedule) = (organization(), schedule(every(3600)));
    let applied = scheduler.apply(&scope, &schedule, State::Works).await;
    assert!(matches!(applied, Err(Error::NoNamespace(_))), "{applied:?}");
    let deleted = scheduler.delete(&scope, schedule.id).await;
    assert!(matches!(deleted, Err(Error::NoNamespace(_))), "{deleted:?}");
}
