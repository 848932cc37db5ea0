//! Schedules by command.

use serde_json::{Value, json};

use crate::{
    answers::{AT, data, execution},
    stand_in::{Answer, StandIn},
    tenantry::Tenantry,
};

fn schedule() -> Value {
    json!({
        "id": "sch_1", "workflow": "quote", "input": {"amount": 3}, "note": "",
        "spec": {"cron": "30 9 * * MON-FRI", "timezone": "Europe/Zurich"}, "next_runs": [AT],
        "overlap": "skip", "jitter_seconds": 0, "catchup_window_seconds": 86_400, "paused": false, "applied": true,
        "created_at": AT, "updated_at": AT, "created_by": "usr_1",
    })
}

/// What the command asks the server for, and sends it.
async fn asked(arguments: &[&str]) -> (String, Value) {
    let server = StandIn::new([data(&schedule())]).await;
    let left = Tenantry::at(&server.url).run(&[&["schedule"], arguments].concat()).await;
    assert_eq!(left.status, Some(0), "{}", left.stderr);
    let asked = &server.asked()[0];
    (asked.line.clone(), serde_json::from_str(&asked.body).unwrap_or_default())
}

#[tokio::test]
async fn should_make_and_change_a_schedule_by_what_is_told() {
    let create = ["create", "quote", "--cron", "30 9 * * 1-5", "--timezone", "Europe/Zurich", "--paused"];
    let body = json!({
        "workflow": "quote", "spec": {"cron": "30 9 * * 1-5", "timezone": "Europe/Zurich"}, "paused": true,
    });
    assert_eq!(asked(&create).await, ("POST /api/v0/schedules".to_owned(), body));
    let create = ["create", "quote", "--calendar", r#"{"hour": "9-17"}"#, "--input", "[1]", "--note", "why"];
    let body = json!({
        "workflow": "quote", "input": [1], "spec": {"calendar": {"hour": "9-17"}}, "note": "why",
    });
    assert_eq!(asked(&create).await.1, body);
    let update = ["update", "sch_1", "--every", "15m", "--overlap", "allow_all", "--jitter", "1m"];
    let body = json!({"spec": {"every_seconds": 900}, "overlap": "allow_all", "jitter_seconds": 60});
    assert_eq!(asked(&update).await, ("PATCH /api/v0/schedules/sch_1".to_owned(), body));
    let update = ["update", "sch_1", "--catchup-window", "1h"];
    assert_eq!(asked(&update).await.1, json!({"catchup_window_seconds": 3600}));
}

#[tokio::test]
async fn should_reach_each_verb_of_a_schedule() {
    let span = json!({"start_time": AT, "end_time": AT, "overlap": "buffer_all"});
    for (arguments, line, body) in [
        (&["get", "sch_1"][..], "GET /api/v0/schedules/sch_1", Value::Null),
        (&["pause", "sch_1", "--note", "x"], "POST /api/v0/schedules/sch_1/pause", json!({"note": "x"})),
        (&["resume", "sch_1"], "POST /api/v0/schedules/sch_1/resume", json!({})),
        (&["trigger", "sch_1"], "POST /api/v0/schedules/sch_1/trigger", Value::Null),
        (
            &["backfill", "sch_1", "--from", AT, "--to", AT, "--overlap", "buffer_all"],
            "POST /api/v0/schedules/sch_1/backfill",
            span,
        ),
    ] {
        assert_eq!(asked(arguments).await, (line.to_owned(), body));
    }
}

#[tokio::test]
async fn should_show_schedules_and_their_starts() {
    let server = StandIn::new([
        Answer::new(200, json!({"data": [schedule()], "next_cursor": null})),
        Answer::new(200, json!({"data": [AT, AT], "next_cursor": null})),
        Answer::new(200, json!({"data": [AT], "next_cursor": null})),
        Answer::new(204, ""),
    ])
    .await;
    let user = Tenantry::at(&server.url);
    let mut said = String::new();
    for arguments in [
        &["schedule", "list"][..],
        &["schedule", "upcoming", "sch_1"],
        &["schedule", "upcoming", "sch_1", "--limit", "1", "-o", "json"],
        &["schedule", "delete", "sch_1"],
    ] {
        let left = user.run(arguments).await;
        assert_eq!(left.status, Some(0), "{arguments:?}: {}", left.stderr);
        said.push_str(&left.stdout);
    }
    insta::assert_snapshot!(said);
    assert_eq!(server.asked_lines()[1], "GET /api/v0/schedules/sch_1/upcoming?limit=10");
}

/// A page of what the schedule has started: each with its id, its hour and its status.
fn runs(runs: &[(&str, &str, &str)]) -> Answer {
    let run = |(id, hour, status): &(&str, &str, &str)| {
        let mut run = execution(status);
        run["id"] = json!(id);
        run["workflow_id"] = json!(format!("sch_1-2026-01-01T{hour}:00:00Z"));
        run
    };
    let items: Vec<_> = runs.iter().map(run).collect();
    Answer::new(200, json!({ "data": items, "next_cursor": null }))
}

#[tokio::test]
async fn should_wait_until_a_span_is_made_up_for() {
    let mut backfilled = schedule();
    backfilled["starts"] = json!(2);
    // One is from before, and one of another hour has nothing to do with it.
    let old = ("exe_0", "00", "completed");
    let answers = [
        runs(&[old]),
        Answer::new(202, json!({ "data": backfilled })),
        runs(&[("exe_1", "09", "running"), old]),
        runs(&[("exe_2", "00", "running"), ("exe_1", "09", "running"), old]),
        runs(&[("exe_3", "01", "running"), ("exe_2", "00", "completed"), ("exe_1", "09", "running"), old]),
    ];
    let server = StandIn::new(answers).await;
    let span = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z"];
    let backfill =
        [&["schedule", "backfill", "sch_1", "--overlap", "buffer_all", "--wait"][..], &span].concat();
    let left = Tenantry::at(&server.url).run(&backfill).await;
    assert_eq!((left.status, left.stderr.as_str()), (Some(0), "started 2\n"), "{}", left.stdout);
    assert!(left.stdout.contains("starts                  2\n"), "{}", left.stdout);
    let asked = server.asked_lines();
    assert_eq!(asked[0], "GET /api/v0/executions?schedule=sch_1&limit=1");
    assert_eq!(asked[1], "POST /api/v0/schedules/sch_1/backfill");
    assert_eq!(asked.len(), 5, "{asked:?}");
}

#[tokio::test]
async fn should_not_wait_for_starts_that_are_left_out() {
    let mut backfilled = schedule();
    backfilled["starts"] = json!(3);
    let first =
        [runs(&[]), Answer::new(202, json!({ "data": backfilled })), runs(&[("exe_1", "00", "running")])];
    let done = (0..100).map(|_| runs(&[("exe_1", "00", "completed")]));
    let server = StandIn::new(first.into_iter().chain(done)).await;
    let span = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T02:00:00Z", "--wait"];
    let backfill = [&["schedule", "backfill", "sch_1"][..], &span].concat();
    let left = Tenantry::at(&server.url).run(&backfill).await;
    let said = "started 1; 2 would have overlapped, and skip leaves such out\n";
    assert_eq!((left.status, left.stderr.as_str()), (Some(0), said));
}
