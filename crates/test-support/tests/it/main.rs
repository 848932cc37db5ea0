//! The harness itself.

use std::process::Command;

use sqlx::{Executor as _, Row as _};
use tenantry_test_support::{Database, Servers};

#[tokio::test]
async fn should_give_each_test_a_database_of_its_own() {
    let (one, two) = (Database::migrated().await, Database::migrated().await);
    one.owner().await.execute("delete from organizations").await.expect("the owner may");
    let left = two.owner().await.fetch_one("select count(*) from organizations").await.expect("a query");
    assert_eq!(left.get::<i64, _>(0), 1);
}

#[tokio::test]
async fn should_count_the_round_trips_through_a_link() {
    let (mut link, database) = Database::migrated().await.behind_link();
    link.open();
    let mut connection = database.owner().await;
    let before = link.round_trips();
    connection.execute("select 1").await.expect("a query");
    connection.execute("begin; select 1; commit").await.expect("three queries");
    assert_eq!(link.round_trips() - before, 2);
}

#[tokio::test]
async fn should_remove_a_database_that_somebody_uses() {
    let (kept, removed) = (Database::migrated().await, Database::migrated().await);
    let mut user = removed.owner().await;
    removed.remove().await;
    user.execute("select 1").await.expect_err("the user is cut off");
    kept.owner().await.execute("select 1").await.expect("the other stays");
}

#[test]
fn should_run_a_command_with_servers_and_end_as_it_does() {
    let servers = Servers::get();
    let with_servers = |script: &str| {
        Command::new(env!("CARGO_BIN_EXE_with-servers"))
            .args(["sh", "-c", script])
            .env("DATABASE_URL", &servers.database_url)
            .env("TEMPORAL_ADDRESS", &servers.temporal_address)
            .status()
            .expect("the command runs")
            .code()
    };
    assert_eq!(with_servers("test -n \"$DATABASE_URL\" -a -n \"$TEMPORAL_ADDRESS\""), Some(0));
    assert_eq!(with_servers("exit 7"), Some(7));
}
