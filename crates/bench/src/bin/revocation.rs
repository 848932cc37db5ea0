//! How long a revoked API key still opens another node: two nodes on one database, the key is revoked on one and presented to the other
//! until it is refused.

#![expect(clippy::expect_used, reason = "a benchmark that cannot do its work has nobody else to tell")]

use std::time::Instant;

use tenantry_bench::{
    app,
    report::{self, Aim, Table},
    rounds::quantile,
};
use tenantry_client::{Client, api_keys::NewApiKey};
use tenantry_test_support::{App, Servers, Tenant};

/// Each ends in a refusal, of which an address has a hundred before it is shut out.
const REVOCATIONS: usize = 90;
/// The milliseconds within which 99 of 100 are refused.
const AIM: Aim = Aim::AtMost(100.0);

/// What happened to one key.
struct Revocation {
    /// The seconds from the answer of the node that revoked it to the refusal of the other.
    refused_after: f64,
    /// How often the other let it in meanwhile.
    let_in: u32,
}

async fn revoke(tenant: &Tenant, other: &App, user: &str) -> Revocation {
    let new = NewApiKey { name: "revoked".to_owned(), ..NewApiKey::default() };
    let key = tenant.manager.api_keys().create(user, &new).send().await.expect("the key is made");
    let client = other.client(key.secret.reveal());
    client.me().send().await.expect("the other node knows the key before it is revoked");
    tenant.manager.api_keys().revoke(&key.key.id).send().await.expect("the key is revoked");
    let revoked = Instant::now();
    let let_in = until_refused(&client).await;
    Revocation { refused_after: revoked.elapsed().as_secs_f64(), let_in }
}

/// Calls until it is refused, and answers how often it was not.
async fn until_refused(client: &Client) -> u32 {
    let mut let_in = 0;
    loop {
        match client.me().send().await {
            Ok(_) => let_in += 1,
            Err(error) if error.status() == Some(401) => return let_in,
            Err(error) => panic!("the other node neither lets in nor refuses: {error}"),
        }
    }
}

#[tokio::main]
async fn main() {
    let one = App::start().await;
    let other = App::start_with(&Servers::get().temporal_address, one.database.clone()).await;
    report::begin("revocation", &mut one.database.owner().await).await;
    let tenant = app::tenant(&one).await;
    let user = tenant.manager.me().send().await.expect("the manager calls").user.id;
    let mut revocations = Vec::new();
    for _ in 0..REVOCATIONS {
        revocations.push(revoke(&tenant, &other, &user).await);
    }
    let mut refused_after: Vec<f64> = revocations.iter().map(|revocation| revocation.refused_after).collect();
    refused_after.sort_by(f64::total_cmp);
    let mut table = Table::new(&["revocations", "p50 ms", "p99 ms", "longest ms", "let in meanwhile"]);
    let let_in: u32 = revocations.iter().map(|revocation| revocation.let_in).sum();
    let [p50, p99, longest] = [50, 99, 100].map(|percent| quantile(&refused_after, percent) * 1e3);
    let milliseconds = |value| format!("{value:.2}");
    table.row(&[&REVOCATIONS, &milliseconds(p50), &milliseconds(p99), &milliseconds(longest), &let_in]);
    println!("{table}");
    AIM.judge("milliseconds until 99 of 100 revoked keys are refused elsewhere", p99);
    other.stop().await;
    one.stop().await;
}
