//! How long a new organization takes until it is active: from the request to the first answer that says so, of one at a time and of many
//! made at once, with a Temporal that has the limits of one in production and with one that has none to speak of.
//!
//! An argument says how many are made at once in place of [`MANY`].

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use tenantry_bench::{
    report::{self, Aim, Table},
    rounds::quantile,
};
use tenantry_client::{
    Client,
    organizations::{NewOrganization, OrganizationStatus as Status},
};
use tenantry_test_support::{AS_IN_PRODUCTION, App, Database, PrivateTemporal};
use tokio::{task::JoinSet, time::sleep};

/// How many are made one after the other.
const ALONE: usize = 10;
/// How many are made at once.
const MANY: usize = 200;
/// How often it is asked which are active.
const EVERY: Duration = Duration::from_millis(20);
/// The seconds in which one is active, and in which many are: each takes two changes of twenty a second.
const AIMS: [Aim; 2] = [Aim::AtMost(5.0), Aim::AtMost(30.0)];

/// How long each took, in seconds, and how many failed on the way.
struct Provisioned {
    took: Vec<f64>,
    failed: usize,
}

/// Makes so many at once, and waits until all are active.
async fn provision(admin: &Client, name: &str, count: usize) -> Provisioned {
    let mut making = JoinSet::new();
    for number in 0..count {
        let (admin, slug) = (admin.clone(), format!("{name}-{number}"));
        making.spawn(async move {
            let (asked, new) = (Instant::now(), NewOrganization { name: slug.clone(), slug });
            let made = admin.organizations().create(&new).send().await.expect("the organization is made");
            (made.id, asked)
        });
    }
    let mut waiting: HashMap<_, _> = making.join_all().await.into_iter().collect();
    let mut provisioned = Provisioned { took: Vec::new(), failed: 0 };
    while !waiting.is_empty() {
        for organization in admin.organizations().list().all().await.expect("the list") {
            match organization.status {
                Status::Provisioning => {}
                status => {
                    let Some(asked) = waiting.remove(&organization.id) else { continue };
                    provisioned.took.push(asked.elapsed().as_secs_f64());
                    provisioned.failed += usize::from(status != Status::Active);
                }
            }
        }
        sleep(EVERY).await;
    }
    provisioned
}

async fn alone(admin: &Client, name: &str) -> Provisioned {
    let mut all = Provisioned { took: Vec::new(), failed: 0 };
    for number in 0..ALONE {
        let one = provision(admin, &format!("{name}-{number}"), 1).await;
        all.took.extend(one.took);
        all.failed += one.failed;
    }
    all
}

#[tokio::main]
pub(crate) async fn run() {
    let many = std::env::args().nth(2).map_or(MANY, |many| many.parse().expect("a number of organizations"));
    let database = Database::migrated().await;
    report::begin("provisioning", &mut database.owner().await).await;
    let head =
        ["changes a second", "at once", "organizations", "p50 s", "p99 s", "longest s", "failed", "aim"];
    let mut table = Table::new(&head);
    for (takes, settings) in [("20", &AS_IN_PRODUCTION[..]), ("1000", &[])] {
        let temporal = PrivateTemporal::start(settings).await;
        let app = App::start_with(&temporal.address(), Database::migrated().await).await;
        let measured =
            [(1, alone(&app.admin, "alone").await), (many, provision(&app.admin, "many", many).await)];
        for ((at_once, Provisioned { mut took, failed }), aim) in measured.into_iter().zip(AIMS) {
            took.sort_by(f64::total_cmp);
            let [p50, p99, longest] = [50, 99, 100].map(|percent| quantile(&took, percent));
            let seconds = |value| format!("{value:.2}");
            let verdict = aim.verdict(longest);
            table.row(&[
                &takes,
                &at_once,
                &took.len(),
                &seconds(p50),
                &seconds(p99),
                &seconds(longest),
                &failed,
                &verdict,
            ]);
        }
        app.stop().await;
        temporal.stop().await;
    }
    println!("{table}");
    database.remove().await;
}
