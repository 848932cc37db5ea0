//! How long a revoked API key still opens another node: two nodes on one database, the key is revoked on one and presented to the other
//! until it is refused.

use std::{net::Ipv4Addr, time::Instant};

use tenantry_api::Settings;
use tenantry_bench::{
    app,
    load::Connection,
    report::{self, Aim, Table},
    rounds::quantile,
};
use tenantry_client::api_keys::NewApiKey;
use tenantry_test_support::{App, Servers, Setup, Tenant};

const REVOCATIONS: u32 = 1_000;
/// The milliseconds within which 99 of 100 are refused.
const AIM: Aim = Aim::AtMost(100.0);

/// What happened to one key.
struct Revocation {
    /// The seconds from the answer of the node that revoked it to the refusal of the other.
    refused_after: f64,
    /// How often the other let it in meanwhile.
    let_in: u32,
}

/// A key's owner, who calls the other node from an address of their own: each refusal is noted of its address, and one that had many
/// is shut out.
async fn revoke(tenant: &Tenant, other: &str, user: &str, from: Ipv4Addr) -> Revocation {
    let new = NewApiKey { name: "revoked".to_owned(), ..NewApiKey::default() };
    let key = tenant.manager.api_keys().create(user, &new).send().await.expect("the key is made");
    let request = format!(
        "GET /api/v0/me HTTP/1.1\r\nHost: {other}\r\nX-Forwarded-For: {from}\r\nAuthorization: Bearer {}\r\n\r\n",
        key.secret.reveal()
    );
    let mut connection = Connection::to(other.parse().expect("the other node has an address")).await;
    assert_eq!(connection.exchange(request.as_bytes()).await, 200, "it knows the key before it is revoked");
    tenant.manager.api_keys().revoke(&key.key.id).send().await.expect("the key is revoked");
    let revoked = Instant::now();
    let mut let_in = 0;
    loop {
        match connection.exchange(request.as_bytes()).await {
            200 => let_in += 1,
            401 => return Revocation { refused_after: revoked.elapsed().as_secs_f64(), let_in },
            status => panic!("the other node neither lets in nor refuses: {status}"),
        }
    }
}

#[tokio::main]
pub(crate) async fn run() {
    let one = App::start().await;
    let settings =
        Settings { trusted_proxies: "127.0.0.0/8".parse().expect("networks"), ..Settings::default() };
    let setup = Setup { settings, ..Setup::default() };
    let other = App::launch(&Servers::get().temporal_address, one.database.clone(), setup).await;
    report::begin("revocation", &mut one.database.owner().await).await;
    let tenant = app::tenant(&one, "bench").await;
    let user = tenant.manager.me().send().await.expect("the manager calls").user.id;
    let mut revocations = Vec::new();
    let address = other.url.trim_start_matches("http://");
    for number in 0..REVOCATIONS {
        let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + number);
        revocations.push(revoke(&tenant, address, &user, from).await);
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
