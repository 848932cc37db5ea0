//! Whether an organization that is at its limit slows another: how long a neighbour waits for its answers while one asks for ten times
//! what it may, and while it rests.

use std::{net::SocketAddr, time::Duration};

use tenantry_bench::{
    Spread, app,
    load::{Expected, Generator, Order, Report},
    report::{self, Aim, Table},
    rounds::alternate,
};
use tenantry_domain::Quota;
use tenantry_storage::Options;
use tenantry_test_support::{App, Database, Servers, Setup};

const ROUNDS: usize = 41;
const ROUND: Duration = Duration::from_secs(1);
/// How many requests a second the one may make, and how many it makes: on so many connections, with such a rest.
const LIMIT: u32 = 200;
const ASKED: u32 = 2_000;
const CONNECTIONS: usize = 20;
/// The neighbour's p99 beside it, to its p99 alone.
const AIM: Aim = Aim::AtMost(1.25);

/// What the neighbour meets.
#[derive(Clone, Copy)]
enum Beside {
    Nobody,
    /// One at its limit.
    Limited,
    /// One that may do what it does.
    Unlimited,
}

#[tokio::main]
pub(crate) async fn run() {
    let setup = Setup { options: Options::default(), ..Setup::default() };
    let app = App::launch(&Servers::get().temporal_address, Database::migrated().await, setup).await;
    report::begin("neighbours", &mut app.database.owner().await).await;
    let neighbour = app::tenant(&app, "neighbour").await;
    let unlimited = app::tenant(&app, "unlimited").await;
    let limited = app::tenant(&app, "limited").await;
    app::set_quotas(&app, &limited, &[(Quota::RequestsPerSecond, LIMIT)]).await;

    let address = app.url.trim_start_matches("http://").parse().expect("the server has an address");
    let calm = order(address, &neighbour.manager_key, 4, Duration::from_millis(2));
    // Each connection asks once in its rest, so together they ask as often as is said.
    let rest = Duration::from_secs(1) * u32::try_from(CONNECTIONS).expect("few") / ASKED;
    let mut busy =
        [&limited, &unlimited].map(|tenant| order(address, &tenant.manager_key, CONNECTIONS, rest));
    busy[0].expected = Expected::SuccessOrTooMany;

    let (mut one, mut other) = (Generator::start(), Generator::start());
    let mut sides = [Beside::Nobody, Beside::Limited, Beside::Unlimited];
    let measured = alternate(ROUNDS, &mut sides, async |beside| match beside {
        Beside::Nobody => (one.run(&calm).await, None),
        Beside::Limited => both(&mut one, &calm, &mut other, &busy[0]).await,
        Beside::Unlimited => both(&mut one, &calm, &mut other, &busy[1]).await,
    })
    .await;
    describe(&measured);
    app.stop().await;
}

type Measured = (Report, Option<Report>);

async fn both(one: &mut Generator, calm: &Order, other: &mut Generator, busy: &Order) -> Measured {
    let (calm, busy) = tokio::join!(one.run(calm), other.run(busy));
    (calm, Some(busy))
}

fn describe(measured: &[Vec<Measured>]) {
    let head = [
        "beside it",
        "asked /s",
        "let in /s",
        "its answers/s",
        "p50 µs",
        "p99 µs",
        "p50, to alone",
        "p99, to alone",
    ];
    let mut table = Table::new(&head);
    let names = ["nobody", "one at its limit of 200/s", "one that may"];
    for (name, side) in names.iter().zip(measured) {
        let median =
            |value: fn(&Measured) -> f64| format!("{:.0}", Spread::of(side.iter().map(value)).median);
        let ratio = |value: fn(&Measured) -> f64| Spread::of_ratio(side, &measured[0], value);
        table.row(&[
            name,
            &median(|(_, busy)| busy.map_or(0.0, |busy| busy.rate)),
            &median(|(_, busy)| busy.map_or(0.0, |busy| busy.successes)),
            &median(|(calm, _)| calm.rate),
            &median(|(calm, _)| calm.p50 * 1e6),
            &median(|(calm, _)| calm.p99 * 1e6),
            &ratio(|(calm, _)| calm.p50),
            &ratio(|(calm, _)| calm.p99),
        ]);
    }
    println!("{table}");
    let p99 = Spread::of_ratio(&measured[1], &measured[0], |(calm, _)| calm.p99).median;
    AIM.judge("p99 beside one at its limit, to p99 alone", p99);
}

fn order(address: SocketAddr, key: &str, connections: usize, rest: Duration) -> Order {
    let request =
        format!("GET /api/v0/me HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\r\n");
    Order { address, request, connections, duration: ROUND, rest, expected: Expected::Success }
}
