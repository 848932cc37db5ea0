//! Turns at being looked at, and what is noted of it.

use chrono::TimeDelta;
use sqlx::Executor as _;
use tenantry_domain::{OrganizationStatus, repository::OrganizationRepository as _};
use tenantry_storage::{Doors as _, Store, Transaction as _, drift, organizations};
use tenantry_test_support::Database;

use crate::{now, organization, store};

const PERIOD: TimeDelta = TimeDelta::minutes(10);

/// Active organizations with these slugs, and no others whose turn may come.
async fn active(store: &Store, slugs: &[&str]) {
    for slug in slugs {
        let organization = organization(store, slug).await;
        let mut tx = store.platform().await.expect("the platform's door opens");
        let active = OrganizationStatus::Active;
        tx.set_organization_status(organization.id, active, None, now()).await.expect("a query");
        tx.commit().await.expect("it is kept");
    }
}

/// Forty of them, by their slugs in order.
async fn forty(store: &Store) -> Vec<String> {
    let slugs: Vec<_> = (10..50).map(|n| format!("org-{n}")).collect();
    active(store, &slugs.iter().map(String::as_str).collect::<Vec<_>>()).await;
    slugs
}

/// Whose turns have come by then, in order.
async fn turns(store: &Store, after: TimeDelta) -> Vec<String> {
    let mut taken = Vec::new();
    let mut tx = store.platform().await.expect("the platform's door opens");
    while let Some(due) = drift::take_turn(&mut tx, now() + after, PERIOD).await.expect("a query") {
        taken.push(due.organization.slug.to_string());
    }
    tx.commit().await.expect("it is kept");
    taken
}

#[tokio::test]
async fn should_give_every_active_organization_a_turn_in_each_period_at_a_time_of_its_own() {
    let database = Database::migrated().await;
    let store = store(&database);
    let slugs = forty(&store).await;
    organization(&store, "provisioning").await;
    let (mut seen, mut most) = (Vec::new(), 0);
    for minute in 1..=10 {
        let turns = turns(&store, TimeDelta::minutes(minute)).await;
        most = most.max(turns.len());
        seen.extend(turns);
    }
    seen.sort();
    assert_eq!(seen, slugs, "each once");
    assert!(most < 20, "{most} in one minute");
    assert_eq!(turns(&store, PERIOD).await, [""; 0]);
    assert_eq!(turns(&store, TimeDelta::minutes(21)).await.len(), 40, "and again");
}

#[tokio::test]
async fn should_spread_those_that_were_late_together() {
    let database = Database::migrated().await;
    let store = store(&database);
    forty(&store).await;
    let late = "update organizations set next_look_at = now() - interval '1 hour'";
    database.owner().await.execute(late).await.expect("a query");
    assert_eq!(turns(&store, TimeDelta::zero()).await.len(), 40);
    let at_once = turns(&store, TimeDelta::minutes(10)).await.len();
    assert!((1..40).contains(&at_once), "{at_once}");
}

#[tokio::test]
async fn should_have_an_organization_repaired_once_and_not_look_at_it_meanwhile() {
    let database = Database::migrated().await;
    let store = store(&database);
    active(&store, &["acme"]).await;
    let mut tx = store.platform().await.expect("the platform's door opens");
    let acme = tx.organization_by_slug("acme").await.expect("a query").expect("it is there");
    for news in [1, 0] {
        assert_eq!(drift::note(&mut tx, &[acme.id], now()).await.expect("a query"), news);
    }
    tx.commit().await.expect("it is kept");
    assert_eq!(turns(&store, PERIOD * 2).await, [""; 0]);

    let mut tx = store.platform().await.expect("the platform's door opens");
    let mut due = None;
    while let Some(taken) = organizations::take_due(&mut tx, now(), PERIOD).await.expect("a query") {
        due = due.or((taken.organization.id == acme.id).then_some(taken));
    }
    let due = due.expect("it is due");
    assert!(due.drifted);
    organizations::settled(&mut tx, &due).await.expect("a query");
    tx.commit().await.expect("it is kept");
    assert_eq!(turns(&store, PERIOD * 2).await, ["acme"]);
}
