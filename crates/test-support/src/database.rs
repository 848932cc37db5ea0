//! A database for each test, made from a migrated template in milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use tenantry_storage::migrate;
use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

use crate::{Link, Servers};

const PREFIX: &str = "tenantry_test_";
/// Databases of tests that are certainly over.
const OLD: Duration = Duration::from_hours(1);

/// A database that nobody else uses.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its URL, for the owner.
    pub url: String,
}

impl Database {
    /// A new database with the whole schema.
    pub async fn migrated() -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let template = TEMPLATE.get_or_init(template).await;
        Self::create(template).await
    }

    /// A new database with nothing in it.
    pub async fn empty() -> Self {
        Self::create("template0").await
    }

    async fn create(template: &str) -> Self {
        let name = new_name();
        execute(&mut server().await, &format!("create database {name} template {template}")).await;
        Self { url: url_of(&name) }
    }

    /// The same database behind a link, which is cut until it is opened.
    pub fn behind_link(&self) -> (Link, Self) {
        let mut url = Url::parse(&self.url).expect("a database's URL");
        let host = url.host_str().expect("the server has a host");
        let link = Link::to(&format!("{host}:{}", url.port().unwrap_or(5432)));
        let (host, port) =
            link.address().split_once(':').map(|(h, p)| (h.to_owned(), p.parse())).expect("an address");
        url.set_host(Some(&host)).expect("a host");
        url.set_port(port.ok()).expect("a port");
        (link, Self { url: url.into() })
    }

    /// The same database, as somebody else.
    #[must_use]
    pub fn as_user(&self, user: &str, password: &str) -> Self {
        let mut url = Url::parse(&self.url).expect("the test's database has a URL");
        let changed = url.set_username(user).and_then(|()| url.set_password(Some(password)));
        changed.expect("the URL can name a user");
        Self { url: url.into() }
    }

    /// Removes it, for those who fill it with more than a test does; whoever is still connected is cut off.
    pub async fn remove(self) {
        let url = Url::parse(&self.url).expect("a database's URL");
        let name = url.path().trim_start_matches('/');
        execute(&mut server().await, &format!("drop database {name} with (force)")).await;
    }

    /// A connection as the owner, who sees everything: for what no door shows.
    pub async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the test's database answers")
    }
}

/// Makes the template, which lasts as long as this test binary needs it.
async fn template() -> String {
    let mut server = server().await;
    drop_old(&mut server).await;
    let name = new_name();
    execute(&mut server, &format!("create database {name} template template0")).await;
    let mut database = migrate::Database::connect(&url_of(&name)).await.expect("the template answers");
    database.up().await.expect("the migrations apply");
    database.close().await.expect("the template's connection ends");
    name
}

async fn drop_old(server: &mut PgConnection) {
    let query = "select datname from pg_database where datname like 'tenantry\\_test\\_%'";
    let rows = sqlx::query(query).fetch_all(&mut *server).await.expect("the server lists its databases");
    for row in rows {
        let name: String = row.get(0);
        let made_at = name.trim_start_matches(PREFIX).split('_').next().and_then(|at| at.parse().ok());
        if made_at.is_none_or(|at: u64| unix_time() > at + OLD.as_secs()) {
            execute(server, &format!("drop database if exists {name} with (force)")).await;
        }
    }
}

async fn server() -> PgConnection {
    PgConnection::connect(&url_of("postgres")).await.expect("PostgreSQL answers")
}

fn new_name() -> String {
    format!("{PREFIX}{}_{}", unix_time(), Uuid::now_v7().simple())
}

#[expect(clippy::disallowed_methods, reason = "how old a leftover is, the machine's clock says")]
fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn url_of(database: &str) -> String {
    let mut url = Url::parse(&Servers::get().database_url).expect("DATABASE_URL is a URL");
    url.set_path(database);
    url.into()
}

async fn execute(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.expect(sql);
}
