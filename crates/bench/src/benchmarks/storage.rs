//! What isolation costs a list and a get: row-level security against a WHERE, and the tenant's whole door against the bare query, as the
//! number of organizations grows.

use std::time::Instant;

use sqlx::{
    AssertSqlSafe, PgConnection, PgPool, Postgres,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions},
};
use tenantry_bench::{
    Spread,
    report::{self, Aim, Table},
    rounds::alternate,
    seed::{self, Scatter},
};
use tenantry_domain::{OrgScope, PageRequest, UserId, repository::UserRepository as _};
use tenantry_storage::{Access, Doors as _, Options, Store};
use tenantry_test_support::Database;
use tokio::task::JoinSet;
use uuid::Uuid;

const ORGANIZATIONS: [u32; 3] = [10, 1_000, 10_000];
const USERS_EACH: u32 = 1_000;
const ROUNDS: usize = 101;
/// How many short rounds the guards have, and how often a query is measured in one.
const GUARD_ROUNDS: usize = 301;
const QUERIES: usize = 11;
/// How many reads a round has of the door and of the bare query.
const READS: u32 = 192;
/// As the store's connections plan.
const PLANNED: (&str, &str) = ("plan_cache_mode", "force_generic_plan");
/// How many of them go on at the same time.
const AT_ONCE: [u32; 2] = [1, 16];
/// What a list reads: a page, and one more that tells whether another follows.
const LIST: u16 = PageRequest::DEFAULT_LIMIT + 1;
/// The policy, to the WHERE.
const POLICY_AIM: Aim = Aim::AtMost(1.1);
/// The same query among the most organizations, to that among the fewest.
const GROWTH_AIM: Aim = Aim::AtMost(1.1);
/// The rate through the door, to that of the bare query.
const DOOR_AIM: Aim = Aim::AtLeast(0.6);

#[tokio::main]
pub(crate) async fn run() {
    let mut sizes = Vec::new();
    for organizations in ORGANIZATIONS {
        sizes.push(Size::new(organizations).await);
    }
    report::begin("storage", &mut sizes[0].database.owner().await).await;
    compare_guards(&sizes).await;
    compare_ways(&sizes).await;
    for size in sizes {
        size.database.remove().await;
    }
}

/// A database with so many organizations.
struct Size {
    organizations: u32,
    database: Database,
    scopes: Vec<OrgScope>,
}

impl Size {
    async fn new(organizations: u32) -> Self {
        eprintln!("making {organizations} organizations with {USERS_EACH} users each");
        let database = Database::migrated().await;
        let mut owner = database.owner().await;
        seed::organizations(&mut owner, organizations).await;
        seed::users(&mut owner, organizations, USERS_EACH).await;
        seed::settle(&mut owner).await;
        let store = Store::new(&database.url, &Options::default()).expect("the database has a URL");
        let scopes = seed::scopes(&store).await;
        store.close().await;
        Self { organizations, database, scopes }
    }

    /// Somebody: their organization's scope, and their id.
    fn somebody(&self, scatter: &mut Scatter) -> (OrgScope, Uuid) {
        let number = scatter.below(self.organizations * USERS_EACH);
        let (time, organization) = (number / self.organizations, number % self.organizations);
        (self.scopes[organization as usize].clone(), seed::id(time + 1, organization + 1))
    }
}

/// What is asked.
#[derive(Clone, Copy)]
enum Query {
    List,
    Get,
}

impl Query {
    const ALL: [(Self, &str); 2] = [(Self::List, "list"), (Self::Get, "get")];

    /// How many rows answer it.
    const fn rows(self) -> usize {
        match self {
            Self::List => LIST as usize,
            Self::Get => 1,
        }
    }

    /// Says which page, or which user.
    fn bind(self, query: Statement, user: Uuid) -> Statement {
        match self {
            Self::List => query.bind(Uuid::max()).bind(i64::from(LIST)),
            Self::Get => query.bind(user),
        }
    }
}

type Statement = sqlx::query::Query<'static, Postgres, PgArguments>;

/// What keeps a query inside an organization.
#[derive(Clone, Copy)]
enum Guard {
    Where,
    Policy,
    Both,
}

impl Guard {
    const ALL: [Self; 3] = [Self::Where, Self::Policy, Self::Both];

    /// The role that the guard holds for.
    const fn role(self) -> &'static str {
        match self {
            Self::Where => "none",
            Self::Policy | Self::Both => "tenantry_application",
        }
    }

    /// The query with this guard. No two are the same text: each has a plan of its own.
    const fn sql(self, query: Query) -> &'static str {
        match (self, query) {
            (Self::Where, Query::List) => {
                "select * from users where organization_id = $1 and id < $2 order by id desc limit $3"
            }
            (Self::Where, Query::Get) => "select * from users where organization_id = $1 and id = $2",
            (Self::Policy, Query::List) => "select * from users where id < $1 order by id desc limit $2",
            (Self::Policy, Query::Get) => "select * from users where id = $1",
            (Self::Both, Query::List) => {
                "select * from users where id < $2 and organization_id = $1 order by id desc limit $3"
            }
            (Self::Both, Query::Get) => "select * from users where id = $2 and organization_id = $1",
        }
    }

    fn statement(self, query: Query, organization: Uuid, user: Uuid) -> Statement {
        let statement = sqlx::query(self.sql(query));
        let statement = match self {
            Self::Where | Self::Both => statement.bind(organization),
            Self::Policy => statement,
        };
        query.bind(statement, user)
    }
}

/// A connection on which guards take turns, so that they differ in nothing else.
struct Guarded<'a> {
    size: &'a Size,
    connection: PgConnection,
    scatter: Scatter,
}

impl<'a> Guarded<'a> {
    async fn new(size: &'a Size) -> Self {
        let mut connection = size.database.owner().await;
        let planned = sqlx::query(AssertSqlSafe(format!("set {} = {}", PLANNED.0, PLANNED.1)));
        planned.execute(&mut connection).await.expect("a setting that PostgreSQL has");
        Self { size, connection, scatter: Scatter::default() }
    }

    /// The microseconds that the query in the middle of the round's takes, without what says who asks and for which organization.
    async fn measure(&mut self, query: Query, guard: Guard) -> f64 {
        let mut took = Vec::with_capacity(QUERIES);
        for _ in 0..QUERIES {
            let (scope, user) = self.size.somebody(&mut self.scatter);
            let organization = scope.organization().uuid();
            self.enter(organization, guard).await;
            let statement = guard.statement(query, organization, user);
            let began = Instant::now();
            let rows = statement.fetch_all(&mut self.connection).await.expect("PostgreSQL answers");
            took.push(began.elapsed().as_secs_f64() * 1e6);
            assert_eq!(rows.len(), query.rows());
        }
        Spread::of(took).median
    }

    /// Sets the organization, even where nothing asks for it, so that every guard meets the connection in the same state.
    async fn enter(&mut self, organization: Uuid, guard: Guard) {
        let query = "select set_config('tenantry.organization_id', $1, false), set_config('role', $2, false)";
        let query = sqlx::query(query).bind(organization.to_string()).bind(guard.role());
        query.execute(&mut self.connection).await.expect("the owner may become the role and come back");
    }
}

async fn compare_guards(sizes: &[Size]) {
    let mut guarded = Vec::new();
    for size in sizes {
        guarded.push(Guarded::new(size).await);
    }
    let head =
        ["query", "organizations", "WHERE µs", "policy / WHERE", "both / WHERE", "both, to the fewest"];
    let (mut table, mut worst, mut growth) = (Table::new(&head), 0.0_f64, 0.0_f64);
    for (query, name) in Query::ALL {
        let places = 0..sizes.len();
        let mut turns: Vec<_> = places.flat_map(|place| Guard::ALL.map(|guard| (place, guard))).collect();
        let measure = async |turn: &mut (usize, Guard)| guarded[turn.0].measure(query, turn.1).await;
        let took = alternate(GUARD_ROUNDS, &mut turns, measure).await;
        let took: Vec<_> = took.chunks(Guard::ALL.len()).collect();
        for (size, guard) in sizes.iter().zip(&took) {
            let ratio = |this, that| Spread::of_ratio(this, that, |took: &f64| *took);
            let (policy, both) = (ratio(&guard[1], &guard[0]), ratio(&guard[2], &guard[0]));
            let grown = ratio(&guard[2], &took[0][2]);
            let median = Spread::of(guard[0].iter().copied()).median;
            table.row(&[&name, &size.organizations, &format!("{median:.0}"), &policy, &both, &grown]);
            (worst, growth) = (worst.max(policy.median), growth.max(grown.median));
        }
    }
    println!("{table}");
    POLICY_AIM.judge("the policy alone, to the WHERE, at worst", worst);
    GROWTH_AIM.judge("many organizations, to the fewest, at worst", growth);
    println!();
}

/// The ways into a database.
#[derive(Clone)]
struct Doors {
    owner: PgPool,
    store: Store,
}

impl Doors {
    fn of(database: &Database, connections: u32) -> Self {
        let options = Options { max_connections: connections, ..Options::default() };
        let store = Store::new(&database.url, &options).expect("the database has a URL");
        // As in the store: a ping for each use would cost what is to be measured.
        let owner = PgPoolOptions::new().max_connections(connections).test_before_acquire(false);
        let url: PgConnectOptions = database.url.parse().expect("the database has a URL");
        let owner = owner.connect_lazy_with(url.options([PLANNED]));
        Self { owner, store }
    }

    async fn close(&self) {
        self.owner.close().await;
        self.store.close().await;
    }
}

/// A way to read.
#[derive(Clone, Copy)]
enum Way {
    /// The query alone, with a WHERE, as the owner.
    Bare,
    /// What the services do: the door opened, the query, the rows read, the door let go.
    Door,
}

async fn read(doors: &Doors, way: Way, query: Query, (scope, user): (OrgScope, Uuid)) {
    let rows = match (way, query) {
        (Way::Bare, _) => {
            let bare = Guard::Where.statement(query, scope.organization().uuid(), user);
            bare.fetch_all(&doors.owner).await.expect("PostgreSQL answers").len()
        }
        (Way::Door, Query::List) => {
            let mut tx = doors.store.tenant(&scope, Access::Read).await.expect("the door opens");
            let page = tx.users(PageRequest::default()).await.expect("PostgreSQL answers");
            page.items.len() + usize::from(page.more)
        }
        (Way::Door, Query::Get) => {
            let mut tx = doors.store.tenant(&scope, Access::Read).await.expect("the door opens");
            let user = tx.user(UserId::from_uuid(user)).await.expect("PostgreSQL answers");
            usize::from(user.is_some())
        }
    };
    assert_eq!(rows, query.rows());
}

/// Reads of one kind, in one database.
struct Reading<'a> {
    size: &'a Size,
    doors: &'a Doors,
    query: Query,
    way: Way,
    at_once: u32,
    scatter: Scatter,
}

impl Reading<'_> {
    /// The reads in a second.
    async fn measure(&mut self) -> f64 {
        let mut share = || (0..READS / self.at_once).map(|_| self.size.somebody(&mut self.scatter)).collect();
        let shares: Vec<Vec<_>> = (0..self.at_once).map(|_| share()).collect();
        let (way, query) = (self.way, self.query);
        let began = Instant::now();
        let mut reading = JoinSet::new();
        for share in shares {
            let doors = self.doors.clone();
            reading.spawn(async move {
                for somebody in share {
                    read(&doors, way, query, somebody).await;
                }
            });
        }
        reading.join_all().await;
        f64::from(READS) / began.elapsed().as_secs_f64()
    }
}

async fn compare_ways(sizes: &[Size]) {
    let head = ["query", "organizations", "at once", "bare /s", "door / bare", "round trips, bare", "door"];
    let (mut table, mut least) = (Table::new(&head), f64::INFINITY);
    for (query, name) in Query::ALL {
        let trips =
            [round_trips(&sizes[0], Way::Bare, query).await, round_trips(&sizes[0], Way::Door, query).await];
        for size in sizes {
            for at_once in AT_ONCE {
                let scatter = |way| Scatter::from(way as u32 * (u32::MAX / 2));
                // One for each read, and two that are made ready for the next: both ways may have as many.
                let doors = &Doors::of(&size.database, at_once + 2);
                let reading = |way| Reading { size, doors, query, way, at_once, scatter: scatter(way) };
                let mut readings = [Way::Bare, Way::Door].map(reading);
                let rates = alternate(ROUNDS, &mut readings, Reading::measure).await;
                doors.close().await;
                let bare = format!("{:.0}", Spread::of(rates[0].iter().copied()).median);
                let ratio = Spread::of_ratio(&rates[1], &rates[0], |rate| *rate);
                table.row(&[&name, &size.organizations, &at_once, &bare, &ratio, &trips[0], &trips[1]]);
                least = least.min(ratio.median);
            }
        }
    }
    println!("{table}");
    DOOR_AIM.judge("the rate through the door, to the bare query's, at worst", least);
}

/// How many round trips to PostgreSQL a read takes, with what makes the connection ready for the next.
async fn round_trips(size: &Size, way: Way, query: Query) -> f64 {
    const COUNTED: u32 = 100;
    let (mut link, database) = size.database.behind_link();
    link.open();
    let doors = Doors::of(&database, 1);
    let mut scatter = Scatter::default();
    let mut before = 0;
    for reads in 0..COUNTED * 2 {
        // What connecting and preparing take is over after some reads.
        if reads == COUNTED {
            before = link.round_trips();
        }
        read(&doors, way, query, size.somebody(&mut scatter)).await;
    }
    let trips = u32::try_from(link.round_trips() - before).expect("few round trips");
    // The connection may still be on its way back to the pool, at the beginning as at the end.
    (f64::from(trips) / f64::from(COUNTED)).round()
}
