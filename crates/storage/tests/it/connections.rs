//! How many connections there are, and who gets one.

use std::time::Duration;

use futures::FutureExt as _;
use sqlx::Executor as _;
use tenantry_domain::Secret;
use tenantry_storage::{Doors as _, Options, PlatformTx, PoolUse, Store, api_keys};
use tenantry_test_support::Database;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::now;

/// A store whose platform's door has so many connections.
async fn store_of(connections: u32) -> (Database, Store) {
    let database = Database::migrated().await;
    let acquire_timeout = Duration::from_secs(30);
    let options = Options { max_connections: connections * 2, acquire_timeout, ..Options::default() };
    let store = Store::new(&database.url, &options).expect("a store");
    (database, store)
}

fn platform(store: &Store) -> PoolUse {
    let [_, platform] = store.pools();
    assert_eq!(platform.name, "platform");
    platform
}

async fn all(store: &Store, connections: u32) -> Vec<PlatformTx> {
    let mut opening = JoinSet::new();
    for _ in 0..connections {
        let store = store.clone();
        opening.spawn(async move { store.platform().await.expect("there is one for each") });
    }
    opening.join_all().await
}

async fn until(store: &Store, holds: impl Fn(PoolUse) -> bool) {
    let waits = async {
        while !holds(platform(store)) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(20), waits).await.expect("what was let go is made ready, or closed");
}

/// Waits until so many are ready for whoever comes next.
async fn idle(store: &Store, connections: u32) {
    until(store, |platform| platform.idle == connections).await;
}

/// [`store_of`] so many, all of which are open and ready.
async fn opened(connections: u32) -> (Database, Store) {
    let (database, store) = store_of(connections).await;
    drop(all(&store, connections).await);
    idle(&store, connections).await;
    (database, store)
}

#[tokio::test]
async fn should_use_the_same_few_as_long_as_they_suffice() {
    let (database, store) = opened(10).await;
    let nobodys = Secret::generate().expect("a secret").hash();
    let processes = "select distinct pid from pg_stat_activity where datname = current_database() and application_name = 'tenantry'
        and state_change > $1";
    let since = now();
    for _ in 0..100 {
        api_keys::authenticate(&store, &nobodys, now()).await.expect("PostgreSQL answers");
        idle(&store, 10).await;
    }
    let used =
        sqlx::query(processes).bind(since).fetch_all(&mut database.owner().await).await.expect("rows").len();
    assert!((1..=3).contains(&used), "{used} of ten were used");
}

#[tokio::test]
async fn should_open_as_many_as_work_at_once_and_no_more() {
    for connections in [1, 2, 3, 6] {
        let (_database, store) = store_of(connections).await;
        let held = all(&store, connections).await;
        let PoolUse { used, idle, max, .. } = platform(&store);
        assert_eq!((used, idle, max), (connections, 0, connections));
        timeout(Duration::from_millis(200), store.platform()).await.expect_err("all are taken");
        drop(held);
    }
}

#[tokio::test]
async fn should_give_whichever_comes_free_to_whoever_waits() {
    let (_database, store) = store_of(4).await;
    for freed in 0..4 {
        let mut held = all(&store, 4).await;
        let waits = tokio::spawn({
            let store = store.clone();
            async move { store.platform().await }
        });
        sleep(Duration::from_millis(50)).await;
        drop(held.swap_remove(freed));
        waits.await.expect("no panic").expect("one came free");
    }
}

#[tokio::test]
async fn should_open_new_ones_for_those_that_postgres_closed() {
    let (database, store) = opened(4).await;
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'tenantry'";
    database.owner().await.execute(end).await.expect("they end");
    // One that was used less than a second ago is not asked whether it still stands.
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(all(&store, 4).await.len(), 4);
}

#[tokio::test]
async fn should_open_more_when_many_come_however_short_they_stay() {
    let (_database, store) = store_of(8).await;
    let mut coming = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        coming.spawn(async move {
            for _ in 0..100 {
                drop(store.platform().await.expect("there is one for each"));
            }
        });
    }
    coming.join_all().await;
    let PoolUse { used, idle, .. } = platform(&store);
    assert_eq!(used + idle, 8);
}

#[tokio::test]
async fn should_keep_all_after_a_pause() {
    let (_database, store) = store_of(10).await;
    for _ in 0..2 {
        drop(all(&store, 10).await);
        idle(&store, 10).await;
        // From a second on a connection is asked whether it still stands.
        sleep(Duration::from_millis(1100)).await;
        drop(store.platform().await.expect("the door opens"));
        idle(&store, 10).await;
    }
}

#[tokio::test]
async fn should_leave_no_transaction_behind_that_was_given_up_while_it_began() {
    let (database, store) = opened(10).await;
    for _ in 0..10 {
        let begun = store.platform().now_or_never();
        assert!(begun.is_none(), "PostgreSQL cannot have answered yet");
    }
    until(&store, |platform| platform.used == 0).await;
    let left =
        "select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null
        and application_name = 'tenantry'";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut database.owner().await).await.expect("a count");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn should_go_on_with_what_is_open_while_postgres_takes_no_new_ones() {
    let (database, store) = opened(6).await;
    let mut owner = database.owner().await;
    let refuse = "update pg_database set datallowconn = false where datname = current_database()";
    owner.execute(refuse).await.expect("the owner may");
    let since = now();
    for _ in 0..10 {
        drop(store.platform().await.expect("the door opens"));
        idle(&store, 6).await;
    }
    let end = "select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'tenantry' and state_change > $1";
    let ended =
        sqlx::query(end).bind(since).execute(&mut owner).await.expect("those end that are used first");
    assert_eq!(ended.rows_affected(), 3);
    sleep(Duration::from_millis(1100)).await;
    for _ in 0..3 {
        // Whoever gets one of those that ended is told so.
        let _ = timeout(Duration::from_secs(20), store.platform()).await.expect("no one waits for long");
    }
    for _ in 0..10 {
        let found = timeout(Duration::from_secs(5), store.platform()).await.expect("no one waits for long");
        drop(found.expect("three are open"));
        sleep(Duration::from_millis(5)).await;
    }
}
