//! Rows in such numbers as no API makes. They are written as a superuser, whom row-level security does not hold.

use sqlx::{AssertSqlSafe, PgConnection};
use tenantry_domain::{
    OrgScope, OrganizationId, OrganizationStatus, Page, PageRequest, Secret,
    repository::OrganizationRepository as _,
};
use tenantry_storage::{Doors as _, Store};
use uuid::Uuid;

/// The id of the thing that came at this time, the one with this number of those that came with it. It sorts by age, as all ids do.
pub fn id(time: u32, number: u32) -> Uuid {
    Uuid::from_u128((u128::from(time) << 80) | (0x70008 << 60) | u128::from(number))
}

/// [`id`] in SQL.
fn sql_id(time: &str, number: &str) -> String {
    format!("(lpad(to_hex({time}), 12, '0') || '70008' || lpad(to_hex({number}), 15, '0'))::uuid")
}

/// Makes so many active organizations: the first has the [`id`] of time 1, the next that of time 2.
pub async fn organizations(connection: &mut PgConnection, organizations: u32) {
    let query = format!(
        "insert into organizations (id, slug, name, status, namespace, next_attempt_at, created_at, updated_at)
         select {}, 'org-' || n, 'Organization ' || n, 'active', 'org-' || n, now(), now(), now()
         from generate_series(1, {organizations}) as n",
        sql_id("n", "0")
    );
    execute(connection, query).await;
}

/// Makes so many users in each organization that is there. They came in turn: the organizations' rows are spread among each other's, as in
/// life. The user with the [`id`] of time 2 and number 3 is the second of the third organization.
pub async fn users(connection: &mut PgConnection, organizations: u32, each: u32) {
    // A million look-ups of the same few organizations would test the foreign key, which is not what is measured.
    execute(connection, "set session_replication_role = replica").await;
    let query = format!(
        "insert into users (id, organization_id, kind, email, name, role, status, created_at)
         select {}, {}, 'human', 'user-' || n || '@example.com', 'User ' || n, 'customer', 'active', now()
         from generate_series(1, {each}) as n, generate_series(1, {organizations}) as o",
        sql_id("n", "o"),
        sql_id("o", "0")
    );
    execute(connection, query).await;
    execute(connection, "set session_replication_role = origin").await;
}

/// Makes so many API keys for the first user of each organization that is there.
pub async fn api_keys(connection: &mut PgConnection, organizations: u32, each: u32) -> Vec<Secret> {
    let query = format!(
        "with keys as (
             insert into api_keys (id, organization_id, user_id, name, created_at)
             select {}, {}, {}, 'key', now() from generate_series(1, array_length($1::bytea[], 1)) as o
         )
         insert into api_key_secrets (id, organization_id, api_key_id, secret_hash, prefix, last_four, created_at)
         select {}, {}, {}, hash, 'tn_xxxx', 'xxxx', now()
         from unnest($1::bytea[]) with ordinality as hashes (hash, o)",
        sql_id("$2", "o"),
        sql_id("o", "0"),
        sql_id("1", "o"),
        sql_id("$2", "o"),
        sql_id("o", "0"),
        sql_id("$2", "o")
    );
    let mut all = Vec::new();
    for time in 1..=each {
        let secrets: Vec<_> = (0..organizations).map(|_| Secret::generate().expect("randomness")).collect();
        let hashes: Vec<_> = secrets.iter().map(Secret::hash).collect();
        let bytes: Vec<&[u8]> = hashes.iter().map(|hash| hash.as_bytes().as_slice()).collect();
        let query = sqlx::query(AssertSqlSafe(query.clone())).bind(bytes).bind(i64::from(time));
        query.execute(&mut *connection).await.expect("the keys are new");
        all.extend(secrets);
    }
    all
}

/// Leaves the tables as they are when nobody has written for a while.
pub async fn settle(connection: &mut PgConnection) {
    execute(connection, "vacuum (freeze, analyze)").await;
    execute(connection, "checkpoint").await;
}

/// The scopes of the organizations, the oldest first.
pub async fn scopes(store: &Store) -> Vec<OrgScope> {
    let mut scopes = Vec::new();
    let mut after = None;
    let mut tx = store.platform().await.expect("the platform's door opens");
    loop {
        let page = PageRequest::new(after, PageRequest::MAX_LIMIT);
        let Page { items, more } = tx.organizations(page).await.expect("the organizations");
        after = items.last().map(|last| last.id).map(OrganizationId::uuid);
        // Not the system organization, which nobody has provisioned and which has no users.
        let active = items.iter().filter(|organization| organization.status == OrganizationStatus::Active);
        #[expect(clippy::disallowed_methods, reason = "a benchmark acts for the organizations it made")]
        scopes.extend(active.map(OrgScope::for_reconciler));
        if !more {
            scopes.reverse();
            return scopes;
        }
    }
}

async fn execute(connection: &mut PgConnection, sql: impl Into<String>) {
    let sql = sql.into();
    sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(connection).await.expect(&sql);
}

/// Numbers in no order, evenly spread, and the same in each run.
#[derive(Clone, Debug, Default)]
pub struct Scatter(u32);

impl Scatter {
    /// Others than those that begin elsewhere, as evenly spread.
    pub fn from(begin: u32) -> Self {
        Self(begin)
    }

    /// The next one, below this.
    pub fn below(&mut self, end: u32) -> u32 {
        // A part of the range, the golden ratio's: the steps fall far from each other and leave no gap.
        self.0 = self.0.wrapping_add(0x9E37_79B9);
        u32::try_from((u64::from(self.0) * u64::from(end)) >> 32).expect("it is below a u32")
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;
    use tenantry_test_support::Database;

    use super::*;

    #[test]
    fn should_scatter_evenly() {
        let mut scatter = Scatter::default();
        let mut hits = [0; 10];
        for _ in 0..1000 {
            hits[scatter.below(10) as usize] += 1;
        }
        assert!(hits.iter().all(|&hits| (99..=101).contains(&hits)), "{hits:?}");
    }

    #[tokio::test]
    async fn should_make_the_ids_that_it_says() {
        let mut owner = Database::migrated().await.owner().await;
        organizations(&mut owner, 3).await;
        users(&mut owner, 3, 2).await;
        let row = sqlx::query("select count(*) from users where organization_id = $1 and id = $2");
        let row = row.bind(id(3, 0)).bind(id(2, 3)).fetch_one(&mut owner).await.expect("a count");
        assert_eq!(row.get::<i64, _>(0), 1);
    }
}
