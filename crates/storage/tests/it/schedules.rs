//! Schedules, and that they stay in their organization.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::Executor as _;
use tenantry_domain::{
    ExecutionId, OrgScope, OrganizationStatus, PageRequest, Quota, Schedule, ScheduleId, TemporalWorkflowId,
    Timestamp, WorkflowName,
    repository::OrganizationRepository as _,
    schedule::{
        Calendar, CatchupWindow, Cron, Interval, Jitter, Overlap, ScheduleNote, ScheduleSpec, TimeZone,
    },
};
use tenantry_storage::{
    Access, Doors as _, Store, TenantTx, Transaction as _, erasure,
    executions::{self, NewScheduled},
    quotas,
    schedules::{self, Changes, NewSchedule},
    workflows::{self, NewRevision},
};

use crate::{Neighbours, neighbours, now, visible};

fn workflow_name() -> WorkflowName {
    WorkflowName::parse("quote").expect("a name")
}

fn every_minute() -> ScheduleSpec {
    ScheduleSpec::Every(Interval::from_seconds(60).expect("an interval"))
}

fn weekdays() -> ScheduleSpec {
    let cron = Cron::parse("30 9 * * MON-FRI").expect("a line of cron");
    ScheduleSpec::Cron { cron, timezone: TimeZone::parse("Europe/Zurich").expect("a time zone") }
}

fn calendar() -> ScheduleSpec {
    let calendar = Calendar { hour: Some("9-17".to_owned()), ..Calendar::default() };
    ScheduleSpec::Calendar { calendar, timezone: TimeZone::parse("UTC").expect("a time zone") }
}

/// A new schedule for the workflow, which must be there.
async fn schedule(tx: &mut TenantTx, spec: &ScheduleSpec, input: &Value) -> Option<Schedule> {
    let note = ScheduleNote::parse("why").expect("a note");
    let workflow = &workflow_name();
    let new = NewSchedule {
        workflow,
        input,
        spec,
        overlap: Overlap::Skip,
        jitter: Jitter::default(),
        catchup_window: CatchupWindow::default(),
        paused: false,
        note: Some(&note),
    };
    schedules::insert(tx, new, now()).await.expect("a query")
}

/// Opens the door, with the workflow behind it.
async fn with_workflow(store: &Store, scope: &OrgScope) -> TenantTx {
    let mut tx = store.tenant(scope, Access::Write).await.expect("the door opens");
    workflows::lock(&mut tx, &workflow_name(), now()).await.expect("a workflow");
    tx
}

/// Two organizations, and a schedule of the first one.
async fn with_schedule() -> (Neighbours, Schedule) {
    let two = neighbours().await;
    let mut tx = with_workflow(&two.store, &two.a).await;
    let made = schedule(&mut tx, &weekdays(), &json!({"b": 1, "a": 2})).await.expect("a schedule");
    tx.commit().await.expect("it is kept");
    let mut tx = two.store.platform().await.expect("the platform's door opens");
    for scope in [&two.a, &two.b] {
        let (id, active) = (scope.organization(), OrganizationStatus::Active);
        tx.set_organization_status(id, active, None, now()).await.expect("it is active");
    }
    tx.commit().await.expect("it is kept");
    (two, made)
}

/// Changes all that can change.
fn every_change() -> Changes {
    Changes {
        input: Some(json!([])),
        spec: Some(every_minute()),
        overlap: Some(Overlap::AllowAll),
        jitter: Some(Jitter::from_storage(7)),
        catchup_window: Some(CatchupWindow::from_storage(11)),
        paused: Some(true),
        note: Some(ScheduleNote::parse("").expect("nothing")),
    }
}

#[tokio::test]
async fn should_show_an_organization_its_own_schedules() {
    let (two, made) = with_schedule().await;
    assert_eq!((made.workflow.as_str(), made.note.as_str(), made.paused), ("quote", "why", false));
    assert_eq!((&made.spec, made.overlap), (&weekdays(), Overlap::Skip));
    assert_eq!(made.input.as_ref().map(Value::to_string).as_deref(), Some(r#"{"b":1,"a":2}"#));
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    assert_eq!(schedules::get(&mut tx, made.id).await.expect("a query"), Some(made.clone()));
    let page = schedules::list(&mut tx, PageRequest::default()).await.expect("a page");
    assert_eq!((page.items, page.more), (vec![made], false));
    assert_eq!(quotas::used(&mut tx, Quota::Schedules, now()).await.expect("a query"), 1);
}

#[tokio::test]
async fn should_hide_schedules_even_from_a_query_that_forgets_the_organization() {
    let (two, _) = with_schedule().await;
    assert_eq!(visible(&two.database, &two.a, "schedules").await, 1);
    assert_eq!(visible(&two.database, &two.b, "schedules").await, 0);
}

#[tokio::test]
async fn should_hide_schedules_from_another_organization_and_change_none() {
    let (two, made) = with_schedule().await;
    let mut tx = with_workflow(&two.store, &two.b).await;
    assert_eq!(schedules::get(&mut tx, made.id).await.expect("a query"), None);
    assert!(schedules::list(&mut tx, PageRequest::default()).await.expect("a page").items.is_empty());
    assert_eq!(quotas::used(&mut tx, Quota::Schedules, now()).await.expect("a query"), 0);
    assert_eq!(schedules::update(&mut tx, made.id, &every_change(), now()).await.expect("a query"), None);
    assert!(!schedules::delete(&mut tx, made.id, now()).await.expect("a query"));
    tx.commit().await.expect("nothing is kept");
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    assert_eq!(schedules::get(&mut tx, made.id).await.expect("a query"), Some(made));
}

#[tokio::test]
async fn should_make_no_schedule_for_a_workflow_that_only_another_organization_has() {
    let (two, _) = with_schedule().await;
    let mut tx = two.store.tenant(&two.b, Access::Write).await.expect("the door opens");
    assert_eq!(schedule(&mut tx, &every_minute(), &json!({})).await, None);
}

#[tokio::test]
async fn should_refuse_even_the_owner_a_schedule_for_another_organizations_workflow() {
    let (two, made) = with_schedule().await;
    let mut owner = two.database.owner().await;
    let moved = "update schedules set organization_id = $2 where id = $1";
    let other = two.b.organization().uuid();
    let refused = sqlx::query(moved).bind(made.id.uuid()).bind(other).execute(&mut owner).await;
    let message = refused.expect_err("the foreign key refuses").to_string();
    assert!(message.contains("schedules_workflow_fkey"), "{message}");
    let copied = "insert into schedules
        (id, organization_id, workflow_id, input, cron, timezone, overlap, paused, note, created_at, updated_at)
        select gen_random_uuid(), $1, workflow_id, input, cron, timezone, overlap, paused, note, created_at, updated_at
        from schedules";
    let refused = sqlx::query(copied).bind(other).execute(&mut owner).await;
    let message = refused.expect_err("the foreign key refuses").to_string();
    assert!(message.contains("schedules_workflow_fkey"), "{message}");
}

#[tokio::test]
async fn should_refuse_a_schedule_without_one_spec() {
    let (two, _) = with_schedule().await;
    for wrong in [
        "every_seconds = 1",
        "calendar = '{}'",
        "cron = null",
        "timezone = null",
        "cron = null, timezone = null",
        "cron = null, every_seconds = 1",
    ] {
        let update = format!("update schedules set {wrong}");
        let refused = two.database.owner().await.execute(sqlx::AssertSqlSafe(update)).await;
        let message = refused.expect_err(wrong).to_string();
        assert!(message.contains("schedules_one_spec"), "{wrong}: {message}");
    }
}

#[tokio::test]
async fn should_change_what_is_named_and_nothing_else() {
    let (two, made) = with_schedule().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let same = schedules::update(&mut tx, made.id, &Changes::default(), made.updated_at).await;
    assert_eq!(same.expect("a query"), Some(made.clone()));
    let later = now();
    let changed = schedules::update(&mut tx, made.id, &every_change(), later).await.expect("a query");
    let expected = Schedule {
        input: Some(json!([])),
        spec: every_minute(),
        overlap: Overlap::AllowAll,
        jitter: Jitter::from_storage(7),
        catchup_window: CatchupWindow::from_storage(11),
        paused: true,
        note: String::new(),
        updated_at: later,
        ..made.clone()
    };
    assert_eq!(changed.as_ref(), Some(&expected));
    for other in [calendar(), weekdays()] {
        let spec = Changes { spec: Some(other.clone()), ..Changes::default() };
        let back = schedules::update(&mut tx, made.id, &spec, later).await.expect("a query");
        assert_eq!(back, Some(Schedule { spec: other, ..expected.clone() }));
    }
    let back = Some(Schedule { spec: weekdays(), ..expected });
    assert_eq!(schedules::get(&mut tx, made.id).await.expect("a query"), back);
}

#[tokio::test]
async fn should_remove_a_schedule_once() {
    let (two, made) = with_schedule().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    assert!(schedules::delete(&mut tx, made.id, now()).await.expect("a query"));
    assert!(!schedules::delete(&mut tx, made.id, now()).await.expect("a query"));
    assert_eq!(schedules::get(&mut tx, made.id).await.expect("a query"), None);
}

#[tokio::test]
async fn should_page_through_schedules_and_leave_large_inputs_out() {
    let two = neighbours().await;
    let mut tx = with_workflow(&two.store, &two.a).await;
    let mut ids: Vec<ScheduleId> = Vec::new();
    for input in [json!(1), json!("x".repeat(5_000)), json!(3)] {
        ids.push(schedule(&mut tx, &every_minute(), &input).await.expect("a schedule").id);
    }
    ids.reverse();
    let first = schedules::list(&mut tx, PageRequest::new(None, 2)).await.expect("a page");
    let rest = schedules::list(&mut tx, PageRequest::new(Some(ids[1].uuid()), 2)).await.expect("a page");
    assert!(first.more && !rest.more);
    let listed: Vec<Schedule> = first.items.into_iter().chain(rest.items).collect();
    assert_eq!(listed.iter().map(|schedule| schedule.id).collect::<Vec<_>>(), ids);
    let inputs: Vec<_> = listed.into_iter().map(|schedule| schedule.input).collect();
    assert_eq!(inputs, [Some(json!(3)), None, Some(json!(1))]);
    let whole = schedules::get(&mut tx, ids[1]).await.expect("a query").expect("the schedule");
    assert_eq!(whole.input, Some(json!("x".repeat(5_000))));
}

#[tokio::test]
async fn should_erase_schedules_before_the_workflows_that_they_start() {
    let (two, _) = with_schedule().await;
    let organization = two.a.organization();
    loop {
        let mut tx = two.store.platform().await.expect("the platform's door opens");
        let more = erasure::erase_piece(&mut tx, organization).await.expect("a piece is erased");
        tx.commit().await.expect("it is gone");
        if !more {
            break;
        }
    }
    let mut tx = two.store.platform().await.expect("the platform's door opens");
    let status = tenantry_domain::OrganizationStatus::Deleting;
    tx.set_organization_status(organization, status, None, now()).await.expect("a query");
    let erased = erasure::finish(&mut tx, organization).await.expect("nothing refers to it");
    assert_eq!(erased, Some(json!({"schedules": 1, "workflows": 1})));
}

#[tokio::test]
async fn should_record_each_run_of_a_schedule_once() {
    let (two, made) = with_schedule().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let id = workflows::lock(&mut tx, &workflow_name(), now()).await.expect("the workflow");
    let definition = json!({});
    let new = NewRevision { document_version: "1.0.0", digest: "d", definition: &definition };
    workflows::insert_revision(&mut tx, id, 1, new, now()).await.expect("a revision");
    let workflow = workflows::get(&mut tx, &workflow_name(), None).await.expect("a query").expect("it");
    let workflow_id = TemporalWorkflowId::from_storage(format!("{}-2026-03-29T01:30:00Z", made.id));
    let mut ids = Vec::new();
    for (run_id, is_news) in [("one", true), ("one", false), ("two", true)] {
        let id = ExecutionId::generate(now());
        let new = NewScheduled {
            id,
            schedule: made.id,
            workflow: &workflow,
            input: &json!({}),
            workflow_id: &workflow_id,
            run_id,
        };
        let inserted = executions::insert_scheduled(&mut tx, new, now()).await.expect("a query");
        assert_eq!(inserted, is_news, "{run_id}");
        let run = executions::by_scheduled_run(&mut tx, &workflow_id, run_id).await.expect("a query");
        let run = run.expect("it is recorded");
        assert_eq!((run.schedule, run.workflow_id.clone()), (Some(made.id), workflow_id.clone()));
        assert_eq!((run.status.as_str(), run.first_run_id.as_deref()), ("running", Some(run_id)));
        assert_eq!(run.id == id, is_news);
        ids.push(run.id);
    }
    assert!(executions::is_scheduled_as(&mut tx, ids[0], &workflow_id).await.expect("a query"));
    let other = TemporalWorkflowId::from_storage(format!("{}-2026-03-30T01:30:00Z", made.id));
    assert!(!executions::is_scheduled_as(&mut tx, ids[0], &other).await.expect("a query"));
    let runs = ["one", "two", "three"].map(|run| (workflow_id.to_string(), run.to_owned()));
    assert_eq!(schedules::runs_recorded(&mut tx, &runs).await.expect("a query"), 2);
    let filter = executions::Filter { schedule: Some(made.id), ..executions::Filter::default() };
    let page = executions::list(&mut tx, &filter, PageRequest::default()).await.expect("a page");
    assert_eq!(page.items.iter().map(|one| one.id).collect::<Vec<_>>(), [ids[2], ids[0]]);
    let filter =
        executions::Filter { schedule: Some(ScheduleId::generate(now())), ..executions::Filter::default() };
    assert!(
        executions::list(&mut tx, &filter, PageRequest::default()).await.expect("a page").items.is_empty()
    );
}

/// Takes what is to be applied, over all organizations.
async fn take_unapplied(store: &Store, at: Timestamp) -> Vec<ScheduleId> {
    let mut tx = store.platform().await.expect("the platform's door opens");
    let taken = schedules::take_unapplied(&mut tx, at, TimeDelta::seconds(10), 9).await.expect("a query");
    tx.commit().await.expect("they are taken");
    taken.into_iter().map(|taken| taken.schedule).collect()
}

/// Writes that Temporal has the schedule as it is now.
async fn apply(two: &Neighbours, schedule: ScheduleId, next_run_at: Option<Timestamp>) {
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let kept = schedules::unapplied(&mut tx, schedule).await.expect("a query").expect("it is unapplied");
    schedules::applied(&mut tx, &kept, next_run_at, now()).await.expect("a query");
    tx.commit().await.expect("it is kept");
}

async fn found(two: &Neighbours, schedule: ScheduleId) -> Schedule {
    let mut tx = two.store.tenant(&two.a, Access::Read).await.expect("the door opens");
    schedules::get(&mut tx, schedule).await.expect("a query").expect("the schedule")
}

#[tokio::test]
async fn should_have_one_node_apply_a_schedule_until_it_is_applied() {
    let (two, made) = with_schedule().await;
    assert!(!made.applied);
    let at = now();
    assert_eq!(take_unapplied(&two.store, at).await, [made.id]);
    assert!(take_unapplied(&two.store, at + TimeDelta::seconds(9)).await.is_empty(), "somebody else has it");
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let until = at + TimeDelta::minutes(1);
    assert!(schedules::take(&mut tx, made.id, at, until).await.expect("a query").is_none());
    drop(tx);
    assert_eq!(take_unapplied(&two.store, at + TimeDelta::seconds(10)).await, [made.id], "or had");
    apply(&two, made.id, None).await;
    assert!(found(&two, made.id).await.applied);
    assert!(take_unapplied(&two.store, now() + TimeDelta::hours(1)).await.is_empty());
}

#[tokio::test]
async fn should_apply_anew_what_changed_while_it_was_applied() {
    let (two, made) = with_schedule().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let until = now() + TimeDelta::minutes(1);
    let old = schedules::take(&mut tx, made.id, now(), until).await.expect("a query").expect("it is free");
    tx.commit().await.expect("it is taken");
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    schedules::update(&mut tx, made.id, &every_change(), now()).await.expect("a query");
    assert!(schedules::take(&mut tx, made.id, now(), until).await.expect("a query").is_none());
    schedules::applied(&mut tx, &old, None, now()).await.expect("a query");
    tx.commit().await.expect("it is kept");
    assert!(!found(&two, made.id).await.applied);
    assert_eq!(take_unapplied(&two.store, now()).await, [made.id]);
}

#[tokio::test]
async fn should_apply_schedules_anew_when_the_status_of_their_organization_changes() {
    let (two, made) = with_schedule().await;
    apply(&two, made.id, None).await;
    for (status, rests) in [(OrganizationStatus::Suspended, true), (OrganizationStatus::Active, false)] {
        let mut tx = two.store.platform().await.expect("the platform's door opens");
        let organization = two.a.organization();
        tx.set_organization_status(organization, status, None, now()).await.expect("a query");
        tx.commit().await.expect("it is kept");
        assert_eq!(take_unapplied(&two.store, now()).await, [made.id], "{status}");
        let mut tx = two.store.tenant(&two.a, Access::Read).await.expect("the door opens");
        let kept = schedules::unapplied(&mut tx, made.id).await.expect("a query").expect("the schedule");
        assert_eq!((kept.rests(), kept.deleted), (rests, false), "{status}");
        drop(tx);
        apply(&two, made.id, None).await;
    }
}

#[tokio::test]
async fn should_keep_a_deleted_schedule_for_nobody_to_see_until_temporal_has_heard() {
    let (two, made) = with_schedule().await;
    apply(&two, made.id, Some(now())).await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    assert!(schedules::delete(&mut tx, made.id, now()).await.expect("a query"));
    assert_eq!(schedules::update(&mut tx, made.id, &every_change(), now()).await.expect("a query"), None);
    assert!(schedules::list(&mut tx, PageRequest::default()).await.expect("a page").items.is_empty());
    assert_eq!(quotas::used(&mut tx, Quota::Schedules, now()).await.expect("a query"), 0);
    tx.commit().await.expect("it is kept");
    assert_eq!(take_unapplied(&two.store, now()).await, [made.id]);
    let due = schedules::due_organizations(&two.store, now()).await.expect("a query");
    assert!(due.is_empty(), "it needs no worker");
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let kept = schedules::unapplied(&mut tx, made.id).await.expect("a query").expect("its row");
    assert!(kept.deleted);
    schedules::delete_for_good(&mut tx, made.id).await.expect("a query");
    assert!(schedules::unapplied(&mut tx, made.id).await.expect("a query").is_none());
}

#[tokio::test]
async fn should_find_who_needs_a_worker_and_have_one_node_look_what_came_of_it() {
    let (two, made) = with_schedule().await;
    let at = now();
    apply(&two, made.id, Some(at)).await;
    let due = async |at| schedules::due_organizations(&two.store, at).await.expect("a query");
    assert!(due(at - TimeDelta::seconds(1)).await.is_empty());
    assert_eq!(due(at).await.iter().map(|one| one.id).collect::<Vec<_>>(), [two.a.organization()]);
    let take = async |at| {
        let mut tx = two.store.platform().await.expect("the platform's door opens");
        let taken = schedules::take_due(&mut tx, at, TimeDelta::seconds(10), 9).await.expect("a query");
        tx.commit().await.expect("they are taken");
        taken.len()
    };
    let later = now();
    assert_eq!((take(at - TimeDelta::seconds(1)).await, take(later).await, take(later).await), (0, 1, 0));
    // Somebody triggers it meanwhile: what was seen before says nothing of that.
    let seen = found(&two, made.id).await.next_run_at;
    let (sooner, next) = (at - TimeDelta::seconds(5), at + TimeDelta::hours(1));
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    schedules::expect_run(&mut tx, made.id, sooner).await.expect("a query");
    schedules::watched(&mut tx, made.id, seen, Some(next), later).await.expect("a query");
    tx.commit().await.expect("it is kept");
    assert_eq!(due(at).await.len(), 1);
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let seen = schedules::get(&mut tx, made.id).await.expect("a query").expect("it is there").next_run_at;
    schedules::watched(&mut tx, made.id, seen, Some(next), later).await.expect("a query");
    tx.commit().await.expect("it is kept");
    assert!(due(at).await.is_empty());
    assert_eq!(due(next).await.len(), 1);
}
