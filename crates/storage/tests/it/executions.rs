//! Executions of own workflow types, and the ends of all.

use chrono::{DateTime, TimeDelta};
use tenantry_domain::{
    OrganizationStatus, TemporalWorkflowId, execution::Outcome, repository::OrganizationRepository as _,
};
use tenantry_storage::{
    Access, Conflict, Doors as _, Error, TenantTx, Transaction as _,
    executions::{self, End},
};

use crate::{
    doors::{insert_own, two},
    now,
};

#[tokio::test]
async fn should_let_each_organization_use_a_workflow_id_once() {
    let two = two().await;
    let mut tx = two.store.tenant(&two.b, Access::Write).await.expect("the door opens");
    insert_own(&mut tx, "order-7").await.expect("theirs is another");
    let again = insert_own(&mut tx, "order-7").await;
    assert!(matches!(again, Err(Error::Conflict(Conflict::WorkflowIdTaken))), "{again:?}");
}

#[tokio::test]
async fn should_find_what_runs_by_its_name_and_by_when_it_was_asked_for() {
    let two = two().await;
    let mut tx = two.store.tenant(&two.a, Access::Read).await.expect("the door opens");
    let names = [two.execution.to_string(), "order-7".to_owned(), "other".to_owned()];
    let found = executions::running_among(&mut tx, &names).await.expect("a query");
    let found: Vec<_> = found.iter().map(|handle| handle.workflow_id.as_str()).collect();
    assert_eq!(found, ["order-7"], "the other one is pending");
    let before =
        async |tx: &mut TenantTx, before| executions::to_check(tx, before, 9).await.expect("a query").len();
    assert_eq!(before(&mut tx, now()).await, 1);
    assert_eq!(before(&mut tx, now() - TimeDelta::hours(2)).await, 0);
}

#[tokio::test]
async fn should_keep_the_first_run_and_the_first_end() {
    let two = two().await;
    let name = TemporalWorkflowId::parse("order-7").expect("a workflow id");
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let id = executions::by_workflow_id(&mut tx, &name).await.expect("a query").expect("the execution").id;
    executions::mark_running(&mut tx, id, ("second", "second"), now()).await.expect("it runs");
    for outcome in [Outcome::Terminated("gone".to_owned()), Outcome::Canceled] {
        let end = End { outcome: &outcome, at: DateTime::UNIX_EPOCH, run_id: Some("last"), tasks: None };
        executions::finish(&mut tx, id, end).await.expect("it has ended");
    }
    let execution = executions::get(&mut tx, id).await.expect("a query").expect("the execution");
    assert_eq!((execution.first_run_id.as_deref(), execution.run_id.as_deref()), (Some("run"), Some("last")));
    assert_eq!((execution.status.as_str(), execution.status_reason.as_deref()), ("terminated", Some("gone")));
    assert_eq!(execution.ended_at, Some(execution.started_at), "nothing ends before it has begun");
}

#[tokio::test]
async fn should_let_one_node_look_for_ends_at_a_time() {
    let two = two().await;
    let mut tx = two.store.platform().await.expect("the platform's door opens");
    for scope in [&two.a, &two.b] {
        let (id, active) = (scope.organization(), OrganizationStatus::Active);
        tx.set_organization_status(id, active, None, now()).await.expect("it is active");
    }
    tx.commit().await.expect("it is kept");
    let looks = async |at| {
        let mut tx = two.store.platform().await.expect("the platform's door opens");
        let (own, hosted) = (TimeDelta::seconds(4), TimeDelta::minutes(1));
        let looks = executions::take_looks(&mut tx, at, own, hosted, 9).await.expect("a query");
        tx.commit().await.expect("it is kept");
        looks
    };
    let at = now();
    let looked = looks(at).await;
    assert_eq!(looked.len(), 1, "nothing runs in the other organization");
    assert_eq!((looked[0].organization.id, looked[0].seen), (two.a.organization(), None));
    assert!(looks(at + TimeDelta::seconds(3)).await.is_empty());
    for seen in [at, at - TimeDelta::hours(1)] {
        let mut tx = two.store.platform().await.expect("the platform's door opens");
        executions::looked(&mut tx, two.a.organization(), seen).await.expect("it is noted");
        tx.commit().await.expect("it is kept");
    }
    let again = looks(at + TimeDelta::seconds(4)).await;
    assert_eq!(again[0].seen.map(|seen| seen.timestamp_micros()), Some(at.timestamp_micros()));
}
