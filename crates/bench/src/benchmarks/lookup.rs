//! What the look-up of an API key costs when there are many: one indexed query, among 1,000 keys and among 1,000,000.

use std::time::Instant;

use tenantry_bench::{
    Spread,
    report::{self, Aim, Table},
    rounds::alternate,
    seed::{self, Scatter},
};
use tenantry_domain::{Clock as _, Secret, SystemClock, api_key::SecretHash};
use tenantry_storage::{Options, Store, api_keys};
use tenantry_test_support::Database;

const ORGANIZATIONS: u32 = 1_000;
/// How many keys each of them has: in the one database, and in the other.
const KEYS_EACH: [u32; 2] = [1, 1_000];
/// Look-ups before the first round, so that the connections have seen the pages, as a server's have. They share the look-ups.
const WARM_UP: usize = 50_000;
const ROUNDS: usize = 1_001;
const LOOKUPS: usize = 20;
/// A look-up among the many keys, to one among the few.
const AIM: Aim = Aim::AtMost(1.05);

/// Keys that are looked up, in a database that may have more.
struct Side {
    store: Store,
    keys: Vec<SecretHash>,
    scatter: Scatter,
}

impl Side {
    /// The microseconds that a look-up in the middle of so many takes, each of another key.
    async fn look_up(&mut self, lookups: usize) -> f64 {
        let keys = u32::try_from(self.keys.len()).expect("no more than fit in a u32");
        let mut took = Vec::with_capacity(lookups);
        for _ in 0..lookups {
            let key = &self.keys[self.scatter.below(keys) as usize];
            let began = Instant::now();
            let found = api_keys::authenticate(&self.store, key, SystemClock.now()).await;
            took.push(began.elapsed().as_secs_f64() * 1e6);
            assert!(found.expect("PostgreSQL answers").is_some(), "the key is good");
        }
        Spread::of(took).median
    }
}

/// A database whose organizations have so many keys each.
async fn database(each: u32) -> (Database, Vec<SecretHash>) {
    eprintln!("making {ORGANIZATIONS} organizations with {each} API keys each");
    let database = Database::migrated().await;
    let mut owner = database.owner().await;
    seed::organizations(&mut owner, ORGANIZATIONS).await;
    seed::users(&mut owner, ORGANIZATIONS, 1).await;
    let keys = seed::api_keys(&mut owner, ORGANIZATIONS, each).await;
    seed::settle(&mut owner).await;
    (database, keys.iter().map(Secret::hash).collect())
}

/// What API keys take in PostgreSQL.
async fn megabytes(database: &Database) -> i64 {
    let size =
        "select (pg_total_relation_size('api_keys') + pg_total_relation_size('api_key_secrets')) / 1000000";
    sqlx::query_scalar(size).fetch_one(&mut database.owner().await).await.expect("PostgreSQL knows")
}

#[tokio::main]
pub(crate) async fn run() {
    let [few, many] = KEYS_EACH.map(database);
    let ((few, few_keys), (many, many_keys)) = (few.await, many.await);
    report::begin("lookup", &mut few.owner().await).await;
    // One of each organization, of all ages.
    let busy: Vec<_> = many_keys.iter().step_by(KEYS_EACH[1] as usize + 1).copied().collect();
    let side = |database: &Database, keys| {
        let store = Store::new(&database.url, &Options::default()).expect("the database has a URL");
        Side { store, keys, scatter: Scatter::default() }
    };
    let mut table = Table::new(&["keys", "µs among 1,000", "µs among 1,000,000", "ratio", "aim"]);
    // One comparison after the other: whoever looks up any of many leaves the others' pages in no cache.
    for (what, keys) in [("1,000 busy ones", busy), ("all of them", many_keys)] {
        let mut sides = [side(&few, few_keys.clone()), side(&many, keys)];
        for side in &mut sides {
            side.look_up(WARM_UP).await;
        }
        let took = alternate(ROUNDS, &mut sides, async |side| side.look_up(LOOKUPS).await).await;
        let [few, many] = [&took[0], &took[1]].map(|took| Spread::of(took.iter().copied()).median);
        let ratio = Spread::of_ratio(&took[1], &took[0], |took| *took);
        let verdict = AIM.verdict(ratio.median);
        table.row(&[&what, &format!("{few:.0}"), &format!("{many:.0}"), &ratio, &verdict]);
    }
    println!("{table}");
    println!("The many keys and their secrets have {} MB, with their indexes.", megabytes(&many).await);
    few.remove().await;
    many.remove().await;
}
