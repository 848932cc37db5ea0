//! `/schedules`: what is made of them, what they start, and that nothing of it is lost.

use std::time::{Duration, Instant};

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use tenantry_domain::{Clock as _, SystemClock, Timestamp};
use tenantry_test_support::{App, Database, Link, Servers, eventually};

use crate::{
    caller::{Caller, text},
    tenant::{QUOTE, Tenant, execution_in},
    text::steady,
};

/// Waits for ten minutes, or until it is asked to stop.
const LONG: &str = "\
document: {dsl: '1.0.3', namespace: test, name: long, version: '1.0.0'}
do:
  - pause: {wait: {minutes: 10}}
";
const YEARLY: i64 = 31_622_400;

/// A running Tenantry with an organization that has [`QUOTE`].
async fn ready() -> (App, Caller, Tenant) {
    let app = App::start().await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    (app, admin, acme)
}

fn every(seconds: i64) -> Value {
    json!({"workflow": "quote", "input": {"amount": 3}, "spec": {"every_seconds": seconds}})
}

/// Makes a schedule, and answers its id.
async fn made(tenant: &Tenant, body: &Value) -> String {
    text(&tenant.manager.post("/schedules", body).await.data(201)["id"])
}

/// The schedule, once its next starts are known: the server's own worker of a new namespace takes its time.
async fn known(caller: &Caller, schedule: &str) -> Value {
    eventually("its next starts", || async {
        let schedule = caller.get(&format!("/schedules/{schedule}")).await.data(200);
        schedule["next_runs"].is_array().then_some(schedule)
    })
    .await
}

/// The executions that a schedule has started, newest first.
async fn started(caller: &Caller, schedule: &str) -> Vec<Value> {
    let list = caller.get(&format!("/executions?schedule={schedule}")).await.data(200);
    list.as_array().expect("a list").clone()
}

/// The executions that a schedule has started, once there are so many.
async fn starts(caller: &Caller, schedule: &str, at_least: usize) -> Vec<Value> {
    eventually("enough executions", || async {
        let started = started(caller, schedule).await;
        (started.len() >= at_least).then_some(started)
    })
    .await
}

/// When something was due that a schedule has started: its name says it.
fn due_at(execution: &Value) -> Timestamp {
    let name = text(&execution["workflow_id"]);
    name.split_once('-').and_then(|(_, at)| at.parse().ok()).expect("a moment")
}

/// Waits so long, while which nothing is to happen.
async fn meanwhile(time: Duration) {
    let since = Instant::now();
    eventually("time passes", || std::future::ready((since.elapsed() >= time).then_some(()))).await;
}

fn ascending(runs: &Value) -> Vec<Timestamp> {
    let runs: Vec<Timestamp> =
        runs.as_array().expect("a list").iter().map(|at| text(at).parse().expect("a moment")).collect();
    assert!(runs.is_sorted(), "{runs:?}");
    runs
}

#[tokio::test]
async fn should_make_a_schedule_and_tell_when_it_starts_next() {
    let (_app, _admin, acme) = ready().await;
    let body = json!({
        "workflow": "quote", "input": {"b": 1, "a": 2}, "note": "each working day", "overlap": "buffer_one",
        "spec": {"cron": "30 9 * * mon-fri", "timezone": "Europe/Zurich"}, "jitter_seconds": 60,
    });
    let answer = acme.manager.post("/schedules", &body).await;
    let made = answer.data(201);
    let path = format!("/schedules/{}", text(&made["id"]));
    assert_eq!(answer.header("location"), Some(format!("/api/v0{path}").as_str()));
    assert_eq!(made["created_by"], json!(acme.manager.user));
    let read = known(&acme.customer, &text(&made["id"])).await;
    assert_json_snapshot!(steady(read.clone()));
    assert_eq!((&read["id"], &read["spec"]), (&made["id"], &made["spec"]));
    let runs = ascending(&read["next_runs"]);
    assert!(runs.len() == 5 && runs[0] > SystemClock.now(), "{runs:?}");
    eventually("its next start is noted", || async {
        let listed = acme.customer.walk("/schedules").await;
        // It may be late by its jitter.
        let next = ascending(&listed[0]["next_runs"]);
        (next == runs[..1]).then_some(())
    })
    .await;
    for (query, count) in [("", 10), ("?limit=1", 1), ("?limit=100", 100)] {
        let upcoming = acme.customer.get(&format!("{path}/upcoming{query}")).await.data(200);
        let upcoming = ascending(&upcoming);
        assert_eq!((upcoming.len(), upcoming[0]), (count, runs[0]));
    }
    for query in ["?limit=0", "?limit=101", "?limit=x"] {
        let wrong = acme.customer.get(&format!("{path}/upcoming{query}")).await;
        assert_eq!(wrong.wrong_fields(422, "invalid"), ["limit"]);
    }
}

#[tokio::test]
async fn should_take_each_kind_of_spec() {
    let (_app, _admin, acme) = ready().await;
    let calendar = json!({"hour": "9-17/2", "day_of_week": "mon"});
    for (spec, shown) in [
        (json!({"every_seconds": 60}), json!({"every_seconds": 60})),
        (json!({"cron": "*/5 * * * *"}), json!({"cron": "*/5 * * * *", "timezone": "UTC"})),
        (
            json!({"calendar": calendar, "timezone": "America/New_York"}),
            json!({"calendar": {"hour": "9-17/2", "day_of_week": "MON"}, "timezone": "America/New_York"}),
        ),
    ] {
        let made =
            acme.manager.post("/schedules", &json!({"workflow": "quote", "spec": spec})).await.data(201);
        assert_eq!((&made["spec"], &made["applied"]), (&shown, &json!(true)));
        let known = known(&acme.manager, &text(&made["id"])).await;
        assert_eq!(known["next_runs"].as_array().map(Vec::len), Some(5), "{known}");
        assert_eq!((&made["input"], &made["overlap"]), (&json!({}), &json!("skip")));
    }
}

#[tokio::test]
async fn should_say_what_is_wrong_with_a_schedule() {
    let (_app, _admin, acme) = ready().await;
    let with = |spec: Value| json!({"workflow": "quote", "spec": spec});
    let table: &[(Value, &[&str])] = &[
        (json!({}), &["workflow", "spec"]),
        (json!({"workflow": "Not one", "spec": {}}), &["workflow", "spec"]),
        (with(json!({"cron": "* * * *"})), &["spec.cron"]),
        (with(json!({"cron": "60 * * * *", "timezone": "Zurich"})), &["spec.timezone", "spec.cron"]),
        (with(json!({"cron": "* * * * *", "every_seconds": 1})), &["spec.timezone", "spec"]),
        (with(json!({"every_seconds": 0})), &["spec.every_seconds"]),
        (with(json!({"every_seconds": 1.5})), &["spec.every_seconds"]),
        (with(json!({"every_seconds": 60, "timezone": "UTC"})), &["spec.timezone"]),
        (
            with(json!({"calendar": {"minute": "61", "year": "1999"}})),
            &["spec.calendar.minute", "spec.calendar.year"],
        ),
        (with(json!({"calendar": {"week": "1"}})), &["spec.calendar.week"]),
        (with(json!({"interval": "1h"})), &["spec.interval"]),
        (
            json!({
                "workflow": "quote", "spec": {"every_seconds": 1}, "overlap": "wait", "jitter_seconds": -1,
                "catchup_window_seconds": 1, "note": "x".repeat(501),
            }),
            &["overlap", "jitter_seconds", "catchup_window_seconds", "note"],
        ),
        (json!({"workflow": "quote", "spec": {"every_seconds": 1}, "when": 1}), &["when"]),
    ];
    for (body, fields) in table {
        let answer = acme.manager.post("/schedules", body).await;
        let mut wrong = answer.wrong_fields(422, "invalid");
        let mut fields = fields.to_vec();
        // Two of a spec: what is wrong with a time zone that is not given is not said.
        fields.retain(|field| *field != "spec.timezone" || wrong.contains(&"spec.timezone".to_owned()));
        fields.sort_unstable();
        wrong.sort();
        assert_eq!(wrong, fields, "{body}");
    }
    let cron = acme.manager.post("/schedules", &with(json!({"cron": "0 0 32 * *"}))).await;
    let problem = cron.problem(422, "invalid");
    assert!(text(&problem["errors"][0]["message"]).starts_with("has a wrong day of month"), "{problem}");
    let unknown = json!({"workflow": "nothing", "spec": {"every_seconds": 1}});
    acme.manager.post("/schedules", &unknown).await.problem(404, "not_found");
    acme.customer.post("/schedules", &every(1)).await.problem(403, "forbidden");
    assert_eq!(acme.manager.walk("/schedules").await, Vec::<Value>::new(), "nothing is left behind");
}

#[tokio::test]
async fn should_record_what_a_schedule_starts_as_executions_like_others() {
    let (_app, _admin, acme) = ready().await;
    let schedule = made(&acme, &every(1)).await;
    let ids: Vec<String> =
        starts(&acme.customer, &schedule, 2).await.iter().map(|one| text(&one["id"])).collect();
    for id in &ids {
        let done = execution_in(&acme.customer, id, "completed").await;
        assert_eq!((&done["output"], &done["schedule"]), (&json!({"total": 6}), &json!(schedule)));
        assert_eq!((&done["workflow"], &done["started_by"]), (&json!("quote"), &Value::Null));
        assert!(text(&done["workflow_id"]).starts_with(&format!("{schedule}-20")), "{done}");
        let tasks = acme.customer.get(&format!("/executions/{id}/tasks")).await.data(200);
        assert_eq!(tasks[0]["status"], json!("completed"));
        let entries = acme.manager.get(&format!("/audit-log?resource={id}")).await.data(200);
        assert_eq!(entries[0]["changes"]["schedule"], json!(schedule), "{entries}");
    }
    let other = made(&acme, &every(YEARLY)).await;
    assert_eq!(started(&acme.customer, &other).await, Vec::<Value>::new());
    let wrong = acme.customer.get("/executions?schedule=mine").await;
    assert_eq!(wrong.wrong_fields(422, "invalid"), ["schedule"]);

    // A new revision is what starts from now on.
    acme.manager.put("/workflows/quote", &QUOTE.replace("* 2", "* 10")).await.data(201);
    eventually("the new revision starts", || async {
        let done = started(&acme.customer, &schedule).await;
        done.iter().any(|one| one["output"] == json!({"total": 30})).then_some(())
    })
    .await;
}

#[tokio::test]
async fn should_pause_with_a_note_and_go_on() {
    let (_app, _admin, acme) = ready().await;
    let schedule = made(&acme, &every(1)).await;
    starts(&acme.customer, &schedule, 1).await;
    let path = format!("/schedules/{schedule}");
    acme.customer.post(&format!("{path}/pause"), &json!({})).await.problem(403, "forbidden");
    let paused = acme.manager.post(&format!("{path}/pause"), &json!({"note": "a holiday"})).await.data(200);
    assert_eq!((&paused["paused"], &paused["note"]), (&json!(true), &json!("a holiday")));
    assert_eq!((&paused["next_runs"], &paused["applied"]), (&json!([]), &json!(true)));
    assert_eq!(acme.customer.get(&format!("{path}/upcoming")).await.data(200), json!([]));
    assert_eq!(acme.customer.walk("/schedules").await[0]["next_runs"], json!([]));
    // What Temporal has begun by then may still arrive.
    meanwhile(Duration::from_millis(500)).await;
    let before = started(&acme.customer, &schedule).await.len();
    meanwhile(Duration::from_secs(3)).await;
    assert_eq!(started(&acme.customer, &schedule).await.len(), before);
    let resumed = acme.manager.post(&format!("{path}/resume"), &json!({})).await.data(200);
    assert_eq!((&resumed["paused"], &resumed["note"]), (&json!(false), &json!("a holiday")));
    starts(&acme.customer, &schedule, before + 1).await;
    let actions = acme.manager.get(&format!("/audit-log?resource={schedule}")).await.data(200);
    let actions: Vec<_> =
        actions.as_array().expect("a list").iter().map(|entry| text(&entry["action"])).collect();
    assert_eq!(actions, ["schedule.resume", "schedule.pause", "schedule.create"]);
}

#[tokio::test]
async fn should_change_what_is_named_and_nothing_else() {
    let (_app, _admin, acme) = ready().await;
    let schedule = made(&acme, &every(YEARLY)).await;
    let path = format!("/schedules/{schedule}");
    let before = known(&acme.manager, &schedule).await;
    assert_eq!(acme.manager.patch(&path, &json!({})).await.data(200), before);
    let changes = json!({
        "input": {"amount": 4}, "spec": {"cron": "0 0 1 1 *", "timezone": "UTC"}, "overlap": "allow_all",
        "jitter_seconds": 5, "catchup_window_seconds": 60, "note": "other",
    });
    let after = acme.manager.patch(&path, &changes).await.data(200);
    for (name, value) in changes.as_object().expect("an object") {
        assert_eq!(&after[name], value, "{name}");
    }
    let known = known(&acme.manager, &schedule).await;
    assert!(text(&known["next_runs"][0]).contains("-01-01T00:00:0"), "{known}");
    for (body, field) in [
        (json!({"workflow": "other"}), "workflow"),
        (json!({"spec": {}}), "spec"),
        (json!({"id": "x"}), "id"),
    ] {
        assert_eq!(acme.manager.patch(&path, &body).await.wrong_fields(422, "invalid"), [field]);
    }
    let entry = &acme.manager.get(&format!("/audit-log?resource={schedule}")).await.data(200)[0];
    assert_eq!(entry["changes"]["overlap"], json!(["skip", "allow_all"]));
    assert!(!entry.to_string().contains("amount"), "an input is nobody's else: {entry}");
}

#[tokio::test]
async fn should_start_something_now_that_can_be_stopped_like_any_other() {
    let (_app, _admin, acme) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let body = json!({"workflow": "long", "spec": {"every_seconds": YEARLY}, "overlap": "allow_all", "paused": true});
    let schedule = made(&acme, &body).await;
    let trigger = format!("/schedules/{schedule}/trigger");
    acme.customer.post(&trigger, &json!({})).await.problem(403, "forbidden");
    acme.manager.post(&trigger, &json!({})).await.data(202);
    let first = text(&starts(&acme.customer, &schedule, 1).await[0]["id"]);
    let tasks = eventually("its task runs", || async {
        let tasks = acme.customer.get(&format!("/executions/{first}/tasks")).await.data(200);
        tasks.get(0).is_some().then_some(tasks)
    })
    .await;
    assert_eq!(tasks[0]["status"], json!("running"));
    acme.customer.post(&format!("/executions/{first}/cancel"), &json!({})).await.data(202);
    execution_in(&acme.customer, &first, "canceled").await;
    // Temporal names them by the second.
    meanwhile(Duration::from_secs(1)).await;
    acme.manager.post(&trigger, &json!({})).await.data(202);
    let second = text(&starts(&acme.customer, &schedule, 2).await[0]["id"]);
    let ended = acme.manager.post(&format!("/executions/{second}/terminate"), &json!({"reason": "no"})).await;
    assert_eq!(ended.data(200)["status"], json!("terminated"));
}

#[tokio::test]
async fn should_end_the_one_before_as_the_overlap_policy_says() {
    let (app, _admin, acme) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    for (overlap, ended) in [("cancel_other", "canceled"), ("terminate_other", "terminated")] {
        let body = json!({"workflow": "long", "spec": {"every_seconds": YEARLY}, "overlap": overlap});
        let schedule = made(&acme, &body).await;
        let trigger = format!("/schedules/{schedule}/trigger");
        acme.manager.post(&trigger, &json!({})).await.data(202);
        let first = text(&starts(&acme.customer, &schedule, 1).await[0]["id"]);
        // Temporal names them by the second.
        meanwhile(Duration::from_secs(1)).await;
        acme.manager.post(&trigger, &json!({})).await.data(202);
        let second = text(&starts(&acme.customer, &schedule, 2).await[0]["id"]);
        // Who is ended without being asked says nothing: it is found.
        app.clock.advance(Duration::from_mins(2));
        execution_in(&acme.customer, &first, ended).await;
        let second = acme.customer.get(&format!("/executions/{second}")).await.data(200);
        assert_eq!(second["status"], json!("running"), "{overlap}");
    }
}

#[tokio::test]
async fn should_leave_a_start_out_while_the_one_before_runs() {
    let (_app, _admin, acme) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let schedule = made(&acme, &json!({"workflow": "long", "spec": {"every_seconds": 1}})).await;
    starts(&acme.customer, &schedule, 1).await;
    meanwhile(Duration::from_secs(3)).await;
    assert_eq!(started(&acme.customer, &schedule).await.len(), 1);
}

#[tokio::test]
async fn should_start_what_would_have_been_in_a_span_of_time() {
    let (_app, _admin, acme) = ready().await;
    let body =
        json!({"workflow": "quote", "input": {"amount": 1}, "spec": {"cron": "0 * * * *"}, "paused": true});
    let schedule = made(&acme, &body).await;
    let backfill = format!("/schedules/{schedule}/backfill");
    let span = |from: &str, to: &str| json!({"start_time": from, "end_time": to, "overlap": "buffer_all"});
    let three = span("2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z");
    acme.customer.post(&backfill, &three).await.problem(403, "forbidden");
    // The same again is another three.
    for count in [3, 6] {
        acme.manager.post(&backfill, &three).await.data(202);
        let all = starts(&acme.customer, &schedule, count).await;
        for one in &all {
            execution_in(&acme.customer, &text(&one["id"]), "completed").await;
        }
        let mut names: Vec<_> = all.iter().map(|one| text(&one["workflow_id"])).collect();
        names.sort();
        names.dedup();
        assert_eq!((names.len(), all.len()), (3, count));
    }
    for (wrong, field) in [
        (json!({"end_time": "2026-01-01T00:00:00Z"}), "start_time"),
        (json!({"start_time": "yesterday", "end_time": "2026-01-01T00:00:00Z"}), "start_time"),
        (span("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"), "end_time"),
        (span("2026-01-01T00:00:00Z", "2999-01-01T00:00:00Z"), "end_time"),
        (span("2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), "end_time"),
        (
            json!({"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:00Z", "overlap": "x"}),
            "overlap",
        ),
    ] {
        assert_eq!(
            acme.manager.post(&backfill, &wrong).await.wrong_fields(422, "invalid"),
            [field],
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn should_rest_with_its_organization_and_go_on_exactly_as_it_was() {
    let (_app, admin, acme) = ready().await;
    let mut each = every(1);
    each["overlap"] = json!("allow_all");
    let works = made(&acme, &each).await;
    let mut paused = every(1);
    paused["paused"] = json!(true);
    let rests = made(&acme, &paused).await;
    starts(&acme.customer, &works, 1).await;
    admin.post("/organizations/acme/suspend", &json!({})).await.data(200);
    let inside = admin.inside("acme");
    let is_applied = async |schedule: &str| {
        inside.get(&format!("/schedules/{schedule}")).await.data(200)["applied"] == json!(true)
    };
    eventually("Temporal has heard", || async {
        (is_applied(&works).await && is_applied(&rests).await).then_some(())
    })
    .await;
    let seen = inside.get(&format!("/schedules/{works}")).await.data(200);
    assert_eq!(
        (&seen["paused"], &seen["next_runs"]),
        (&json!(false), &json!([])),
        "it is not what is wanted"
    );
    inside
        .post(&format!("/schedules/{works}/trigger"), &json!({}))
        .await
        .problem(403, "organization_suspended");
    inside.post("/schedules", &every(1)).await.problem(403, "organization_suspended");
    meanwhile(Duration::from_secs(1)).await;
    let (before, since) = (started(&inside, &works).await.len(), SystemClock.now());
    meanwhile(Duration::from_secs(3)).await;
    assert_eq!(started(&inside, &works).await.len(), before, "nothing is recorded meanwhile");

    let until = SystemClock.now();
    admin.post("/organizations/acme/resume", &json!({})).await.data(200);
    for one in starts(&acme.customer, &works, before + 2).await {
        let due = due_at(&one);
        assert!(due < since || due > until, "nor was it due meanwhile: {one}");
    }
    assert_eq!(
        started(&acme.customer, &rests).await,
        Vec::<Value>::new(),
        "nor afterwards, if it was paused"
    );
    assert_eq!(acme.customer.get(&format!("/schedules/{rests}")).await.data(200)["paused"], json!(true));
}

#[tokio::test]
async fn should_take_every_wish_while_temporal_is_away_and_bring_it_there_later() {
    let mut temporal = Link::to(&Servers::get().temporal_address);
    temporal.open();
    let app = App::start_with(&temporal.address(), Database::migrated().await).await;
    let admin = Caller::admin(&app).await;
    let acme = Tenant::active(&app, &admin, "acme").await.with_quote().await;
    let (gone, changed) = (made(&acme, &every(1)).await, made(&acme, &every(YEARLY)).await);
    starts(&acme.customer, &gone, 1).await;

    temporal.cut().await;
    let new = acme.manager.post("/schedules", &every(1)).await.data(201);
    assert_eq!((&new["applied"], &new["next_runs"]), (&json!(false), &Value::Null));
    let new = text(&new["id"]);
    acme.customer.get(&format!("/schedules/{new}")).await.data(200);
    acme.customer.get(&format!("/schedules/{new}/upcoming")).await.problem(503, "unavailable");
    acme.manager.post(&format!("/schedules/{new}/trigger"), &json!({})).await.problem(503, "unavailable");
    let change = json!({"spec": {"every_seconds": 1}});
    acme.manager.patch(&format!("/schedules/{changed}"), &change).await.data(200);
    assert_eq!(acme.manager.delete(&format!("/schedules/{gone}")).await.status, 204);
    acme.manager.get(&format!("/schedules/{gone}")).await.problem(404, "not_found");
    assert_eq!(acme.manager.walk("/schedules").await.len(), 2);

    temporal.open();
    starts(&acme.customer, &new, 1).await;
    starts(&acme.customer, &changed, 1).await;
    eventually("its row is gone", || async {
        let query = "select count(*) from schedules where deleted_at is not null";
        let mut owner = app.database.owner().await;
        let left: i64 = sqlx::query_scalar(query).fetch_one(&mut owner).await.expect("a query");
        (left == 0).then_some(())
    })
    .await;
    let before = started(&acme.customer, &gone).await.len();
    meanwhile(Duration::from_secs(2)).await;
    assert_eq!(started(&acme.customer, &gone).await.len(), before, "nor is it in Temporal");
}

#[tokio::test]
async fn should_run_what_was_due_while_no_server_was_there() {
    let (app, _admin, acme) = ready().await;
    let mut body = every(2);
    body["overlap"] = json!("buffer_all");
    let schedule = made(&acme, &body).await;
    starts(&acme.customer, &schedule, 1).await;
    let (database, key) = (app.database.clone(), acme.customer.secret.clone());
    app.stop().await;
    let stopped = SystemClock.now();
    meanwhile(Duration::from_secs(5)).await;
    let app = App::start_with(&Servers::get().temporal_address, database).await;
    let customer = Caller::anonymous(&app).with_key(&key).await;
    let again = SystemClock.now();
    eventually("what was due meanwhile", || async {
        let all = started(&customer, &schedule).await;
        let due = all
            .iter()
            .filter(|one| (stopped..again).contains(&due_at(one)) && one["status"] == json!("completed"));
        (due.count() >= 2).then_some(())
    })
    .await;
}

/// Whether the schedules are due: their organization has a worker.
async fn are_due(app: &App) -> bool {
    let query = "select coalesce(bool_and(next_run_at <= now()), false) from schedules";
    sqlx::query_scalar(query).fetch_one(&mut app.database.owner().await).await.expect("a query")
}

#[tokio::test]
async fn should_have_a_worker_until_what_was_started_is_recorded() {
    let (app, admin, acme) = ready().await;
    let schedule = made(&acme, &every(YEARLY)).await;
    eventually("it is due next year", || async { (!are_due(&app).await).then_some(()) }).await;
    admin.put_json("/organizations/acme/quotas", &json!({"starts_per_second": 0})).await.data(200);
    acme.manager.post(&format!("/schedules/{schedule}/trigger"), &json!({})).await.data(202);
    // Time for many looks.
    meanwhile(Duration::from_secs(5)).await;
    assert!(are_due(&app).await, "nobody has recorded what waits for its second");
    assert_eq!(started(&acme.customer, &schedule).await, Vec::<Value>::new());
    admin.put_json("/organizations/acme/quotas", &json!({"starts_per_second": 9})).await.data(200);
    starts(&acme.customer, &schedule, 1).await;
    eventually("it is due next year", || async { (!are_due(&app).await).then_some(()) }).await;
}

#[tokio::test]
async fn should_delete_a_schedule_and_let_what_runs_go_on() {
    let (_app, _admin, acme) = ready().await;
    acme.manager.put("/workflows/long", LONG).await.data(201);
    let schedule = made(&acme, &json!({"workflow": "long", "spec": {"every_seconds": YEARLY}})).await;
    acme.manager.post(&format!("/schedules/{schedule}/trigger"), &json!({})).await.data(202);
    let execution = text(&starts(&acme.customer, &schedule, 1).await[0]["id"]);
    let path = format!("/schedules/{schedule}");
    acme.customer.delete(&path).await.problem(403, "forbidden");
    assert_eq!(acme.manager.delete(&path).await.status, 204);
    acme.manager.get(&path).await.problem(404, "not_found");
    acme.manager.delete(&path).await.problem(404, "not_found");
    let execution = acme.customer.get(&format!("/executions/{execution}")).await.data(200);
    assert_eq!((&execution["status"], &execution["schedule"]), (&json!("running"), &json!(schedule)));
}

#[tokio::test]
async fn should_have_as_many_schedules_as_the_quota_allows() {
    let (_app, admin, acme) = ready().await;
    admin.put_json("/organizations/acme/quotas", &json!({"schedules": 2})).await.data(200);
    let first = made(&acme, &every(YEARLY)).await;
    made(&acme, &every(YEARLY)).await;
    let problem = acme.manager.post("/schedules", &every(YEARLY)).await.problem(429, "quota_exceeded");
    assert_eq!((&problem["quota"], &problem["used"]), (&json!("schedules"), &json!(2)));
    assert_eq!(acme.manager.delete(&format!("/schedules/{first}")).await.status, 204);
    made(&acme, &every(YEARLY)).await;
    let usage = acme.manager.get("/organizations/acme/usage").await.data(200);
    assert_eq!(usage["schedules"], json!(2));
}

#[tokio::test]
async fn should_record_a_start_beyond_the_quota_as_failed_and_say_so() {
    let (_app, admin, acme) = ready().await;
    let schedule = made(&acme, &every(YEARLY)).await;
    admin.put_json("/organizations/acme/quotas", &json!({"running_executions": 0})).await.data(200);
    acme.manager.post(&format!("/schedules/{schedule}/trigger"), &json!({})).await.data(202);
    let failed = starts(&acme.customer, &schedule, 1).await;
    assert_eq!(failed[0]["status"], json!("failed"));
    assert!(text(&failed[0]["error"]["detail"]).contains("running_executions"), "{failed:?}");
    assert_ne!(failed[0]["ended_at"], Value::Null);
}

#[tokio::test]
async fn should_spread_what_a_backfill_starts_over_the_seconds_that_the_quota_allows() {
    let (_app, admin, acme) = ready().await;
    let body =
        json!({"workflow": "quote", "input": {"amount": 1}, "spec": {"cron": "0 * * * *"}, "paused": true});
    let schedule = made(&acme, &body).await;
    admin.put_json("/organizations/acme/quotas", &json!({"starts_per_second": 2})).await.data(200);
    let six = json!({"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T05:00:00Z", "overlap": "allow_all"});
    acme.manager.post(&format!("/schedules/{schedule}/backfill"), &six).await.data(202);
    for one in starts(&acme.customer, &schedule, 6).await {
        execution_in(&acme.customer, &text(&one["id"]), "completed").await;
    }
}
