//! What callers and strangers take of a server's memory: 100,000 keys that are good and 1,000,000 that are not, each presented once.

use std::{fs, net::Ipv4Addr, sync::Arc};

use tenantry_api::Settings;
use tenantry_bench::{
    load::Connection,
    report::{self, Table},
    seed,
};
use tenantry_domain::Secret;
use tenantry_storage::Options;
use tenantry_test_support::{App, Database, Servers, Setup};
use tokio::{sync::Mutex, task::JoinSet};

const ORGANIZATIONS: u32 = 1_000;
const KEYS_EACH: u32 = 100;
const STRANGERS: u32 = 500_000;
/// How many are presented at the same time.
const AT_ONCE: usize = 16;

#[tokio::main]
pub(crate) async fn run() {
    let database = Database::migrated().await;
    let mut owner = database.owner().await;
    seed::organizations(&mut owner, ORGANIZATIONS).await;
    seed::users(&mut owner, ORGANIZATIONS, 1).await;
    let keys = seed::api_keys(&mut owner, ORGANIZATIONS, KEYS_EACH).await;
    seed::settle(&mut owner).await;
    // Each stranger comes from an address of their own, as those do who want to take memory.
    let settings =
        Settings { trusted_proxies: "127.0.0.0/8".parse().expect("networks"), ..Settings::default() };
    let setup = Setup { options: Options::default(), settings, ..Setup::default() };
    let app = App::launch(&Servers::get().temporal_address, database, setup).await;
    report::begin("memory", &mut owner).await;

    let mut table =
        Table::new(&["presented, each once", "keys", "resident MB", "more, MB", "bytes for each"]);
    let mut before = 0.0;
    let mut next = |what: &str, keys: u32| {
        let after = resident();
        let (more, each) = ((after - before) / 1e6, (after - before) / f64::from(keys));
        table.row(&[
            &what,
            &keys,
            &format!("{:.0}", after / 1e6),
            &format!("{more:.1}"),
            &format!("{each:.0}"),
        ]);
        before = after;
    };
    // What the server takes for itself, and what any request makes it take once.
    present(&app, strangers(0..10_000), 401).await;
    next("keys that are not good, to begin with", 10_000);
    let home = Ipv4Addr::new(192, 0, 2, 1);
    present(&app, keys.into_iter().map(move |key| (key, home)), 200).await;
    next("keys that are good", ORGANIZATIONS * KEYS_EACH);
    for what in ["keys that are not, from an address each", "as many again"] {
        present(&app, strangers(0..STRANGERS), 401).await;
        next(what, STRANGERS);
    }
    println!("{table}");
    app.stop().await;
}

/// Keys that nobody has, each from another address.
fn strangers(numbers: std::ops::Range<u32>) -> impl Iterator<Item = (Secret, Ipv4Addr)> + Send + 'static {
    numbers.map(|number| {
        (
            Secret::generate().expect("randomness"),
            Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + number),
        )
    })
}

/// Presents each key, which gets this status.
async fn present(app: &App, keys: impl Iterator<Item = (Secret, Ipv4Addr)> + Send + 'static, expected: u16) {
    let host = app.url.trim_start_matches("http://").to_owned();
    let address = host.parse().expect("the server has an address");
    let keys = Arc::new(Mutex::new(keys));
    let mut presenting = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (keys, host) = (Arc::clone(&keys), host.clone());
        presenting.spawn(async move {
            let mut connection = Connection::to(address).await;
            while let Some((key, from)) = next(&keys).await {
                let request = format!(
                    "GET /api/v0/me HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {from}\r\nAuthorization: Bearer {}\r\n\r\n",
                    key.reveal()
                );
                assert_eq!(connection.exchange(request.as_bytes()).await, expected);
            }
        });
    }
    presenting.join_all().await;
}

async fn next<T>(items: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    items.lock().await.next()
}

/// The bytes of memory that this process has, the server and what presents keys to it.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux says what a process has");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line for it");
    let kilobytes = line.trim().trim_end_matches("kB").trim().parse::<u32>().expect("a number of kB");
    f64::from(kilobytes) * 1024.0
}
