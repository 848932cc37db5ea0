//! What becomes of executions while servers are killed at moments that nobody chose: each ends, once, with the right output, and what
//! was done is not done again.

mod chance;
mod node;
mod orders;
mod shop;

use tenantry_test_support::{Database, PrivatePostgres, PrivateTemporal, Servers};
use tokio::time::sleep;

use self::{chance::Chance, node::Node, orders::Orders};
use crate::tenantry::Tenantry;

/// How long what was killed stays away at most, in milliseconds.
const AWAY: u16 = 1_500;

/// The first admin's key to this database.
async fn admin_key(database_url: &str) -> String {
    let operator = Tenantry::nobody().with("DATABASE_URL", database_url);
    operator.run(&["bootstrap", "--email", "ops@example.com"]).await.stdout.trim().to_owned()
}

/// Stops the nodes, none of which may have met what it did not expect.
async fn stop(nodes: impl IntoIterator<Item = Node>) {
    for node in nodes {
        let log = node.stop().await;
        let lines = log.lines().filter(|line| line.contains("\"ERROR\"") || line.contains("panicked"));
        assert_eq!(lines.collect::<Vec<_>>(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn should_end_each_execution_once_though_the_server_is_killed() {
    let (mut chance, temporal) = (Chance::new(), &Servers::get().temporal_address);
    let database = Database::migrated().await;
    let key = admin_key(&database.url).await;
    let mut node = Node::start(&database.url, temporal).await;
    let orders = Orders::prepare(200, &[&node.url], &key).await;
    let strikes =
        orders.survive(&mut chance, 6, async |chance| node.kill_for(chance.milliseconds(AWAY)).await).await;
    orders.check(&strikes, temporal).await;
    stop([node]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_end_each_execution_once_though_nodes_are_killed_beside_others() {
    let (mut chance, temporal) = (Chance::new(), &Servers::get().temporal_address);
    let database = Database::migrated().await;
    let key = admin_key(&database.url).await;
    let mut nodes = [Node::start(&database.url, temporal).await, Node::start(&database.url, temporal).await];
    let orders = Orders::prepare(40, &[&nodes[0].url, &nodes[1].url], &key).await;
    let strikes = orders
        .survive(&mut chance, 3, async |chance| {
            let away = chance.milliseconds(AWAY);
            nodes[chance.below(2)].kill_for(away).await;
        })
        .await;
    orders.check(&strikes, temporal).await;
    stop(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_end_each_execution_once_though_temporal_is_killed() {
    let (mut chance, mut temporal) = (Chance::new(), PrivateTemporal::start_lasting().await);
    let database = Database::migrated().await;
    let key = admin_key(&database.url).await;
    let node = Node::start(&database.url, &temporal.address()).await;
    let orders = Orders::prepare(60, &[&node.url], &key).await;
    let strikes = orders
        .survive(&mut chance, 3, async |chance| {
            temporal.kill().await;
            sleep(chance.milliseconds(AWAY)).await;
            temporal.start_again().await;
        })
        .await;
    orders.check(&strikes, &temporal.address()).await;
    stop([node]).await;
    temporal.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn should_end_each_execution_once_though_postgresql_is_killed() {
    let (mut chance, temporal) = (Chance::new(), &Servers::get().temporal_address);
    let mut postgres = PrivatePostgres::start().await;
    let url = postgres.url().to_owned();
    let migrated = Tenantry::nobody().with("DATABASE_URL", &url).run(&["migrate", "up"]).await;
    assert_eq!(migrated.status, Some(0), "{}", migrated.stderr);
    let key = admin_key(&url).await;
    let node = Node::start(&url, temporal).await;
    let orders = Orders::prepare(60, &[&node.url], &key).await;
    let strikes = orders
        .survive(&mut chance, 3, async |chance| {
            postgres.kill().await;
            sleep(chance.milliseconds(AWAY)).await;
            postgres.start_again().await;
        })
        .await;
    orders.check(&strikes, temporal).await;
    orders.check_no_repetition();
    stop([node]).await;
    postgres.stop().await;
}
