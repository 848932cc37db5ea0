//! How PostgreSQL reads for the statements that the code really sends, among the rows of many organizations: by an index, and a
//! tenant by one that leads with the organization.

mod scan;
mod statements;

use chrono::TimeDelta;
use sqlx::{Executor as _, PgConnection};
use tenantry_domain::{
    ApiKeyId, Email, ExecutionId, ExecutionStatus, OrgScope, OrganizationId, PageRequest, ScheduleId, Secret,
    SecretName, TemporalWorkflowId, UserId, WorkflowId, WorkflowName,
    api_key::Filter,
    repository::{ApiKeyRepository as _, OrganizationRepository as _, UserRepository as _},
};
use tenantry_storage::{
    Access, Doors as _, Store, TenantTx, api_keys, audit, executions,
    idempotency::{self, Key, Terms},
    organizations, quotas, schedules, secrets, workflows,
};
use tenantry_test_support::Database;
use tokio::sync::OnceCell;

use self::{scan::Scan, statements::sent};
use crate::{as_application, now, scope, store};

/// A database with many organizations, and one that is busy among them. It is made once, and the tests only read.
async fn seeded() -> (Database, Store, OrgScope) {
    static SEEDED: OnceCell<Database> = OnceCell::const_new();
    let make = || async {
        let database = Database::migrated().await;
        let mut owner = database.owner().await;
        owner.execute(sqlx::raw_sql(include_str!("plans/seed.sql"))).await.expect("the rows");
        database
    };
    let database = SEEDED.get_or_init(make).await.clone();
    let store = store(&database);
    let mut tx = store.platform().await.expect("the platform's door opens");
    let busy = tx.organization_by_slug("org-7").await.expect("a query").expect("the organization");
    (database, store, scope(&busy))
}

/// What a tenant's reading is bounded by. An id is the key of one row, which the policy then shows or hides.
const BY_ORGANIZATION: &[&str] = &["(organization_id = ", "(id = "];
/// What the platform's reading is bounded by.
const BY_KEY: &[&str] =
    &["(organization_id = ", "(id = ", "(id < ", "(slug = ", "(secret_hash = ", "(next_run_at <= "];

/// Each of these tables is read by an index, for one of these conditions.
fn assert_bounded(statement: &str, scans: &[Scan], by: &[&str]) {
    assert!(!scans.is_empty(), "{statement} reads something");
    for scan in scans {
        assert!(by.iter().any(|column| scan.condition.contains(column)), "{scan:?} of {statement}");
    }
}

/// One that there is.
async fn an_api_key(tx: &mut TenantTx) -> ApiKeyId {
    let filter = Filter::default();
    let keys = tx.api_keys_of_all(&filter, now(), PageRequest::default()).await.expect("a page");
    keys.items.first().expect("a key").id
}

#[tokio::test]
async fn should_read_every_list_and_every_thing_of_a_tenant_by_its_organization() {
    let (database, store, scope) = seeded().await;
    let page = PageRequest::default();
    let (user, api_key, month) = (UserId::generate(now()), ApiKeyId::generate(now()), TimeDelta::days(30));
    let (execution, schedule) = (ExecutionId::generate(now()), ScheduleId::generate(now()));
    let workflow = WorkflowName::parse("workflow-7").expect("a name");
    let some_workflow = WorkflowId::generate(now());
    let workflow_id = TemporalWorkflowId::parse("order-7").expect("a workflow id");
    let email = Email::parse("7@example.com").expect("an address");
    let secret = SecretName::parse("SECRET_7").expect("a name");
    let terms = Terms { answered: TimeDelta::hours(24), in_hand: TimeDelta::seconds(60) };
    let mut tx = store.tenant(&scope, Access::Write).await.expect("the door opens");
    let key = Key { api_key: an_api_key(&mut tx).await, name: [7; 32] };
    // A second claim reads the first.
    idempotency::claim(&mut tx, key, [1; 32], execution, now(), terms).await.expect("a claim");
    let statements = [
        sent(organizations::own(&mut tx)).await,
        sent(tx.users(page)).await,
        sent(tx.user(user)).await,
        sent(tx.user_by_email(&email)).await,
        sent(tx.api_keys(user, page)).await,
        sent(tx.api_key(api_key)).await,
        sent(tx.api_keys_of_all(&Filter::default(), now(), page)).await,
        sent(tx.api_keys_of_all(&Filter { unused_for: Some(month), expiring_within: None }, now(), page))
            .await,
        sent(tx.api_keys_of_all(&Filter { unused_for: None, expiring_within: Some(month) }, now(), page))
            .await,
        sent(workflows::list(&mut tx, page)).await,
        sent(workflows::get(&mut tx, &workflow, None)).await,
        sent(workflows::get_recorded(&mut tx, &workflow, 2)).await,
        sent(workflows::find(&mut tx, &workflow)).await,
        sent(workflows::revisions(&mut tx, some_workflow, None, page)).await,
        sent(schedules::of_workflow(&mut tx, some_workflow, 9)).await,
        sent(executions::list(&mut tx, &executions::Filter::default(), page)).await,
        sent(executions::get(&mut tx, execution)).await,
        sent(executions::facts(&mut tx, execution)).await,
        sent(executions::pending(&mut tx, now(), 9)).await,
        sent(executions::to_cancel(&mut tx, 9)).await,
        sent(executions::to_check(&mut tx, now(), 9)).await,
        sent(executions::running_among(&mut tx, &[execution.to_string()])).await,
        sent(executions::by_workflow_id(&mut tx, &workflow_id)).await,
        sent(executions::tasks(&mut tx, execution)).await,
        sent(audit::list(&mut tx, &audit::Filter::default(), page)).await,
        sent(idempotency::claim(&mut tx, key, [1; 32], execution, now(), terms)).await,
        sent(schedules::list(&mut tx, page)).await,
        sent(schedules::get(&mut tx, schedule)).await,
        sent(schedules::unapplied(&mut tx, schedule)).await,
        sent(schedules::runs_recorded(&mut tx, &[("a".to_owned(), "b".to_owned())])).await,
        sent(executions::by_scheduled_run(&mut tx, &workflow_id, "run")).await,
        sent(executions::is_scheduled_as(&mut tx, execution, &workflow_id)).await,
        sent(secrets::list(&mut tx, page)).await,
        sent(secrets::get_sealed(&mut tx, &secret)).await,
        sent(quotas::get(&mut tx)).await,
    ];
    let mut connection = as_application(&database, &scope).await;
    for statement in &statements {
        let scans = scan::of_any_arguments(&mut connection, statement).await;
        assert_bounded(statement, &scans, BY_ORGANIZATION);
    }
}

#[tokio::test]
async fn should_read_for_the_platform_by_an_index() {
    let (database, store, _) = seeded().await;
    let page = PageRequest::default();
    let secret = Secret::generate().expect("randomness").hash();
    let organization = OrganizationId::generate(now());
    let mut tx = store.platform().await.expect("the platform's door opens");
    let statements = [
        sent(api_keys::authenticate(&store, &secret, now())).await,
        sent(tx.organizations(page)).await,
        sent(tx.organization(organization)).await,
        sent(tx.organization_by_slug("org-7")).await,
        sent(tx.organization_of_member(organization.uuid())).await,
        sent(audit::list_all(&mut tx, &audit::Filter::default(), page)).await,
        sent(schedules::due_organizations(&store, now())).await,
    ];
    let mut connection = as_platform(&database).await;
    for statement in &statements {
        let scans = scan::of_any_arguments(&mut connection, statement).await;
        assert_bounded(statement, &scans, BY_KEY);
    }
}

#[tokio::test]
async fn should_look_a_secret_and_its_key_up_by_the_indexes_that_take_as_long_among_many() {
    let (database, store, _) = seeded().await;
    let secret = Secret::generate().expect("randomness").hash();
    let statement = sent(api_keys::authenticate(&store, &secret, now())).await;
    let scans = scan::of_any_arguments(&mut as_platform(&database).await, &statement).await;
    let indexes: Vec<_> = scans.iter().filter_map(|scan| scan.index.as_deref()).collect();
    for index in ["api_key_secrets_by_hash", "api_keys_by_id"] {
        assert!(indexes.contains(&index), "{index} is not among {indexes:?}");
    }
}

#[tokio::test]
async fn should_notice_a_table_that_is_read_from_end_to_end() {
    let (database, ..) = seeded().await;
    let mut connection = as_platform(&database).await;
    let scans = scan::of_any_arguments(&mut connection, "select from users where name = $1").await;
    assert!(matches!(&scans[..], [scan] if scan.table == "users" && scan.condition.is_empty()), "{scans:?}");
}

/// How a list with this filter is planned.
enum Planned {
    /// Once, whatever the value.
    ForAny,
    /// Each time, for a span of time that few rows of the organization lie in; it is a literal of SQL.
    For(String),
}

/// An index finds the rows of the list, by this column.
async fn check_filter(statement: &str, table: &str, column: &str, planned: Planned) {
    let (database, _, scope) = seeded().await;
    let mut connection = as_application(&database, &scope).await;
    let scans = match planned {
        Planned::ForAny => scan::of_any_arguments(&mut connection, statement).await,
        Planned::For(value) => {
            let organization = format!("'{}'", scope.organization().uuid());
            let arguments = [&organization, "'ffffffff-ffff-ffff-ffff-ffffffffffff'", &value, "51"];
            scan::of_arguments(&mut connection, statement, &arguments).await
        }
    };
    assert_bounded(statement, &scans, BY_ORGANIZATION);
    let scan = scans.iter().find(|scan| scan.table == table).expect("the table is read");
    assert!(scan.condition.contains(&format!("({column} ")), "{column}: {scan:?} of {statement}");
}

#[tokio::test]
async fn should_find_executions_by_each_filter() {
    let (_, store, scope) = seeded().await;
    let mut tx = store.tenant(&scope, Access::Write).await.expect("the door opens");
    let any = executions::Filter::default;
    let workflow = Some(WorkflowName::parse("workflow-7").expect("a name"));
    let status = Some(ExecutionStatus::Failed);
    let schedule = Some(ScheduleId::generate(now()));
    let filters = [
        ("workflow_id", executions::Filter { workflow, ..any() }, Planned::ForAny),
        ("status", executions::Filter { status, ..any() }, Planned::ForAny),
        ("schedule_id", executions::Filter { schedule, ..any() }, Planned::ForAny),
        (
            "started_at",
            executions::Filter { started_after: Some(now()), ..any() },
            Planned::For(ago(61 * 60)),
        ),
        (
            "started_at",
            executions::Filter { started_before: Some(now()), ..any() },
            Planned::For(ago(6 * 60 * 60 + 450)),
        ),
    ];
    for (column, filter, planned) in filters {
        let list = sent(executions::list(&mut tx, &filter, PageRequest::default())).await;
        check_filter(&list, "executions", column, planned).await;
    }
}

#[tokio::test]
async fn should_find_audit_entries_by_each_filter() {
    let (_, store, scope) = seeded().await;
    let mut tx = store.tenant(&scope, Access::Write).await.expect("the door opens");
    let any = audit::Filter::default;
    let filters = [
        ("actor_user_id", audit::Filter { actor: Some(UserId::generate(now())), ..any() }, Planned::ForAny),
        ("action", audit::Filter { action: Some("user.update".to_owned()), ..any() }, Planned::ForAny),
        ("resource_id", audit::Filter { resource: Some("usr_7".to_owned()), ..any() }, Planned::ForAny),
        ("at", audit::Filter { after: Some(now()), ..any() }, Planned::For(ago(61 * 60))),
        ("at", audit::Filter { before: Some(now()), ..any() }, Planned::For(ago(3 * 60 * 60 + 950))),
    ];
    for (column, filter, planned) in filters {
        let list = sent(audit::list(&mut tx, &filter, PageRequest::default())).await;
        check_filter(&list, "audit_entries", column, planned).await;
    }
}

/// A moment as a literal of SQL.
fn ago(seconds: i64) -> String {
    format!("'{}'", (now() - TimeDelta::seconds(seconds)).to_rfc3339())
}

async fn as_platform(database: &Database) -> PgConnection {
    let mut connection = database.owner().await;
    connection.execute("set role tenantry_platform").await.expect("the owner may become the role");
    connection
}
