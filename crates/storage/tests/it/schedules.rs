//! Schedules, and that they stay in their organization.

use serde_json::{Value, json};
use sqlx::Executor as _;
use tenantry_domain::{
    OrgScope, PageRequest, Quota, Schedule, ScheduleId, WorkflowName,
    repository::OrganizationRepository as _,
    schedule::{Cron, Interval, Overlap, ScheduleNote, ScheduleSpec, TimeZone},
};
use tenantry_storage::{
    Access, Doors as _, Store, TenantTx, Transaction as _, erasure, quotas,
    schedules::{self, Changes, NewSchedule},
    workflows,
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

/// A new schedule for the workflow, which must be there.
async fn schedule(tx: &mut TenantTx, spec: &ScheduleSpec, input: &Value) -> Option<Schedule> {
    let note = ScheduleNote::parse("why").expect("a note");
    let workflow = &workflow_name();
    let new = NewSchedule { workflow, input, spec, overlap: Overlap::Skip, paused: false, note: &note };
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
    (two, made)
}

/// Changes all that can change.
fn every_change() -> Changes {
    Changes {
        input: Some(json!([])),
        spec: Some(every_minute()),
        overlap: Some(Overlap::AllowAll),
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
    assert!(!schedules::delete(&mut tx, made.id).await.expect("a query"));
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
        select gen_random_uuid(), $1, workflow_id, input, cron, timezone, every_seconds, overlap, paused, note,
               created_at, updated_at, created_by from schedules";
    let refused = sqlx::query(copied).bind(other).execute(&mut owner).await;
    let message = refused.expect_err("the foreign key refuses").to_string();
    assert!(message.contains("schedules_workflow_fkey"), "{message}");
}

#[tokio::test]
async fn should_refuse_a_schedule_without_one_spec() {
    let (two, _) = with_schedule().await;
    for wrong in ["every_seconds = 1", "cron = null", "timezone = null", "cron = null, timezone = null"] {
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
        paused: true,
        note: String::new(),
        updated_at: later,
        ..made.clone()
    };
    assert_eq!(changed.as_ref(), Some(&expected));
    let spec = Changes { spec: Some(weekdays()), ..Changes::default() };
    let back = schedules::update(&mut tx, made.id, &spec, later).await.expect("a query");
    assert_eq!(back, Some(Schedule { spec: weekdays(), ..expected }));
    assert_eq!(schedules::get(&mut tx, made.id).await.expect("a query"), back);
}

#[tokio::test]
async fn should_remove_a_schedule_once() {
    let (two, made) = with_schedule().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    assert!(schedules::delete(&mut tx, made.id).await.expect("a query"));
    assert!(!schedules::delete(&mut tx, made.id).await.expect("a query"));
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
