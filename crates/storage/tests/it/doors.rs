//! The two doors: what each shows, takes and refuses.

use chrono::TimeDelta;
use serde_json::json;
use sqlx::{Executor as _, Row as _};
use tenantry_domain::{
    ApiKeyName, Email, ExecutionId, PageRequest, Quota, Role, Secret, TaskQueueName, TemporalWorkflowId,
    Timestamp, UserName, UserStatus, Workflow, WorkflowName, WorkflowType,
    api_key::NewApiKey,
    audit::{Action, Event, Resource},
    repository::{ApiKeyRepository as _, UserRepository as _},
    user::{Changes, NewUser},
};
use tenantry_storage::{
    Access, Conflict, Doors as _, Error, Store, TenantTx, Transaction as _, audit,
    executions::{self, End, Filter, NewExecution, NewWork},
    organizations, quotas,
    workflows::{self, NewRevision},
};
use tenantry_test_support::Database;

use crate::{as_application, now, organization, scope, store};

/// Two organizations, and everything that the first one owns.
pub(crate) struct Two {
    pub(crate) store: Store,
    pub(crate) database: Database,
    pub(crate) a: tenantry_domain::OrgScope,
    pub(crate) b: tenantry_domain::OrgScope,
    user: tenantry_domain::UserId,
    api_key: tenantry_domain::ApiKeyId,
    pub(crate) execution: ExecutionId,
}

fn somebody(email: &str) -> NewUser {
    let name = UserName::parse("Somebody").expect("a name");
    NewUser::new(name, Some(Email::parse(email).expect("an address")), Role::Manager).expect("a user")
}

fn workflow_name() -> WorkflowName {
    WorkflowName::parse("quote").expect("a name")
}

async fn revision(tx: &mut TenantTx) -> tenantry_domain::Workflow {
    let id = workflows::lock(tx, &workflow_name(), now()).await.expect("a workflow");
    let new = NewRevision { document_version: "1.0.0", digest: "d", definition: &json!({"b": 1, "a": 2}) };
    workflows::insert_revision(tx, id, 1, new, now()).await.expect("a revision");
    workflows::get(tx, &workflow_name(), None).await.expect("a query").expect("the workflow")
}

async fn insert(tx: &mut TenantTx, id: ExecutionId, workflow: &Workflow) -> Result<(), Error> {
    let work = NewWork::Definition(workflow);
    executions::insert(tx, NewExecution { id, work, input: &json!({}) }, now()).await
}

/// Records an execution of an own workflow type by this name in Temporal, and answers its id.
pub(crate) async fn insert_own(tx: &mut TenantTx, workflow_id: &str) -> Result<ExecutionId, Error> {
    let id = ExecutionId::generate(now());
    let work = NewWork::Own {
        workflow_type: &WorkflowType::parse("Order").expect("a type"),
        task_queue: &TaskQueueName::parse("orders").expect("a queue"),
        workflow_id: Some(&TemporalWorkflowId::parse(workflow_id).expect("a workflow id")),
    };
    executions::insert(tx, NewExecution { id, work, input: &json!({}) }, now()).await?;
    Ok(id)
}

pub(crate) async fn two() -> Two {
    let database = Database::migrated().await;
    let store = store(&database);
    let (a, b) = (scope(&organization(&store, "aaa").await), scope(&organization(&store, "bbb").await));
    let mut tx = store.tenant(&a, Access::Write).await.expect("the door opens");
    let user = tx.insert_user(&somebody("x@a.example"), now()).await.expect("a user").id;
    let new = NewApiKey::named(ApiKeyName::parse("k").expect("a name"));
    let secret = Secret::generate().expect("a secret");
    let api_key = tx.insert_api_key(user, &new, &secret, now()).await.expect("a key").id;
    let (workflow, execution) = (revision(&mut tx).await, ExecutionId::generate(now()));
    insert(&mut tx, execution, &workflow).await.expect("an execution");
    let own = insert_own(&mut tx, "order-7").await.expect("an execution");
    executions::mark_running(&mut tx, own, ("run", "run"), now() - TimeDelta::hours(1))
        .await
        .expect("it runs");
    tx.commit().await.expect("all is kept");
    Two { store, database, a, b, user, api_key, execution }
}

#[tokio::test]
async fn should_show_an_organization_its_own() {
    let two = two().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    assert_eq!(organizations::own(&mut tx).await.expect("a query").slug.as_str(), "aaa");
    assert!(tx.user(two.user).await.expect("a query").is_some());
    assert!(tx.api_key(two.api_key).await.expect("a query").is_some());
    assert!(workflows::get(&mut tx, &workflow_name(), None).await.expect("a query").is_some());
    assert!(executions::get(&mut tx, two.execution).await.expect("a query").is_some());
    assert_eq!(executions::pending(&mut tx, now(), 9).await.expect("a query").len(), 1);
}

#[tokio::test]
async fn should_hide_everything_from_another_organization() {
    let two = two().await;
    let page = PageRequest::default();
    let mut tx = two.store.tenant(&two.b, Access::Write).await.expect("the door opens");
    assert_eq!(organizations::own(&mut tx).await.expect("a query").slug.as_str(), "bbb");
    assert!(tx.user(two.user).await.expect("a query").is_none());
    let address = Email::parse("x@a.example").expect("an address");
    assert!(tx.user_by_email(&address).await.expect("a query").is_none());
    assert!(tx.users(page).await.expect("a query").items.is_empty());
    assert!(tx.api_key(two.api_key).await.expect("a query").is_none());
    assert!(tx.api_keys(two.user, page).await.expect("a query").items.is_empty());
    let filter = tenantry_domain::api_key::Filter::default();
    assert!(tx.api_keys_of_all(&filter, now(), page).await.expect("a query").items.is_empty());
    assert!(!tx.revoke_api_key(two.api_key, now()).await.expect("a query"));
    assert!(workflows::get(&mut tx, &workflow_name(), None).await.expect("a query").is_none());
    assert!(workflows::list(&mut tx, page).await.expect("a query").items.is_empty());
    assert!(executions::get(&mut tx, two.execution).await.expect("a query").is_none());
    assert!(executions::list(&mut tx, &Filter::default(), page).await.expect("a query").items.is_empty());
    assert!(executions::pending(&mut tx, now(), 9).await.expect("a query").is_empty());
    assert!(executions::tasks(&mut tx, two.execution).await.expect("a query").is_none());
    let names = [two.execution.to_string(), "order-7".to_owned()];
    assert!(executions::running_among(&mut tx, &names).await.expect("a query").is_empty());
    assert!(executions::to_check(&mut tx, now(), 9).await.expect("a query").is_empty());
    let name = TemporalWorkflowId::parse("order-7").expect("a workflow id");
    assert!(executions::by_workflow_id(&mut tx, &name).await.expect("a query").is_none());
}

#[tokio::test]
async fn should_change_nothing_of_another_organization() {
    let two = two().await;
    let mut tx = two.store.tenant(&two.b, Access::Write).await.expect("the door opens");
    executions::mark_running(&mut tx, two.execution, ("run", "run"), now())
        .await
        .expect("no row is no error");
    executions::mark_checked(&mut tx, two.execution, "run", now()).await.expect("no row is no error");
    assert!(!executions::request_cancel(&mut tx, two.execution, now()).await.expect("a query"));
    executions::mark_cancel_sent(&mut tx, two.execution, now()).await.expect("no row is no error");
    let outcome = tenantry_domain::execution::Outcome::Canceled;
    let end = End { outcome: &outcome, at: now(), run_id: None, tasks: Some(&json!([])) };
    executions::finish(&mut tx, two.execution, end).await.expect("no row is no error");
    let changes = Changes { status: Some(UserStatus::Disabled), ..Changes::default() };
    assert!(tx.update_user(two.user, &changes).await.expect("a query").is_none());
    tx.delete_user(two.user).await.expect("no row is no error");
    tx.commit().await.expect("nothing is kept");
    let mut tx = two.store.tenant(&two.a, Access::Read).await.expect("the door opens");
    let execution = executions::get(&mut tx, two.execution).await.expect("a query").expect("the execution");
    assert_eq!((execution.status.as_str(), execution.run_id), ("pending", None));
    assert_eq!(execution.ended_at, None);
    assert!(executions::to_cancel(&mut tx, 9).await.expect("a query").is_empty());
    let user = tx.user(two.user).await.expect("a query").expect("the user");
    assert_eq!(user.status, UserStatus::Active);
}

#[tokio::test]
async fn should_count_and_log_for_each_organization_alone() {
    let two = two().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let event = Event::done(Action::UserCreate, Resource::User(two.user));
    audit::record(&mut tx, now(), event).await.expect("an entry");
    executions::request_cancel(&mut tx, two.execution, now()).await.expect("a query");
    tx.commit().await.expect("all is kept");
    let mut tx = two.store.tenant(&two.b, Access::Read).await.expect("the door opens");
    for quota in [Quota::Users, Quota::ApiKeys, Quota::Workflows, Quota::RunningExecutions] {
        assert_eq!(quotas::used(&mut tx, quota, now()).await.expect("a query"), 0, "{quota}");
    }
    assert_eq!(tx.others_in_role(Role::Manager, two.user).await.expect("a query"), 0);
    assert!(executions::to_cancel(&mut tx, 9).await.expect("a query").is_empty());
    let filter = audit::Filter::default();
    let entries = audit::list(&mut tx, &filter, PageRequest::default()).await.expect("a query");
    assert!(entries.items.is_empty());
    assert_eq!(audit::verify(&mut tx).await.expect("a query").entries, 0);
}

#[tokio::test]
async fn should_change_nothing_in_a_transaction_that_only_looks() {
    let two = two().await;
    let mut tx = two.store.tenant(&two.a, Access::Read).await.expect("the door opens");
    let refused = tx.delete_user(two.user).await.expect_err("PostgreSQL refuses");
    assert!(tenantry_domain::chain(&refused).contains("read-only transaction"), "{refused:?}");
}

#[tokio::test]
async fn should_hide_foreign_rows_even_from_a_query_that_forgets_the_organization() {
    let two = two().await;
    let mut b = as_application(&two.database, &two.b).await;
    for table in ["users", "api_keys", "api_key_secrets", "workflows", "workflow_revisions", "executions"] {
        let query = format!("select count(*) from {table}");
        let row = b.fetch_one(sqlx::query(sqlx::AssertSqlSafe(query))).await.expect(table);
        assert_eq!(row.get::<i64, _>(0), 0, "{table}");
    }
}

#[tokio::test]
async fn should_show_nothing_to_a_connection_that_names_no_organization() {
    let two = two().await;
    let mut nobody = two.database.owner().await;
    nobody.execute("set role tenantry_application").await.expect("the owner may become the role");
    let row = nobody.fetch_one("select count(*) from organizations").await.expect("a query");
    assert_eq!(row.get::<i64, _>(0), 0);
    // What a pooled connection has after a transaction that named one.
    nobody.execute("set tenantry.organization_id = ''").await.expect("a setting");
    let row = nobody.fetch_one("select count(*) from users").await.expect("a query");
    assert_eq!(row.get::<i64, _>(0), 0);
}

#[tokio::test]
async fn should_refuse_a_row_for_another_organization() {
    let two = two().await;
    let mut b = as_application(&two.database, &two.b).await;
    let insert = "insert into users (id, organization_id, kind, name, role, status, created_at)
                  values (gen_random_uuid(), $1, 'service', 'spy', 'manager', 'active', now())";
    let refused = sqlx::query(insert).bind(two.a.organization().uuid()).execute(&mut b).await;
    let message = refused.expect_err("the policy refuses").to_string();
    assert!(message.contains("row-level security"), "{message}");
}

#[tokio::test]
async fn should_refuse_a_tenants_role_the_platforms_work() {
    let two = two().await;
    let mut a = as_application(&two.database, &two.a).await;
    for forbidden in [
        "update organizations set status = 'active'",
        "delete from organizations",
        "update audit_entries set action = ''",
        "delete from audit_entries",
        "update api_keys set organization_id = organization_id",
        "update api_key_secrets set secret_hash = secret_hash",
        "update api_key_secrets set last_used_at = null",
        "select hold_rights(false, null, null, null, null, null, null)",
        "update users set organization_id = organization_id",
        "update quotas set users = 1000000",
        "insert into quotas (organization_id) select id from organizations",
        "alter table users no force row level security",
        "drop policy tenant on users",
        "create table mine ()",
    ] {
        let message = a.execute(forbidden).await.expect_err(forbidden).to_string();
        assert!(
            message.contains("permission denied") || message.contains("must be owner"),
            "{forbidden}: {message}"
        );
    }
}

#[tokio::test]
async fn should_keep_the_lesser_role_through_a_reset() {
    let database = Database::migrated().await;
    let url = format!("{}?options=-c%20role%3Dtenantry_application", database.url);
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.expect("a connection");
    for reset in ["reset role", "reset all", "discard all"] {
        connection.execute(reset).await.expect(reset);
    }
    let row = connection.fetch_one("select current_user::text").await.expect("a query");
    assert_eq!(row.get::<String, _>(0), "tenantry_application");
}

#[tokio::test]
async fn should_name_the_rule_that_a_change_breaks() {
    let two = two().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let taken = tx.insert_user(&somebody("X@A.example"), now()).await;
    assert!(matches!(taken, Err(Error::Conflict(Conflict::EmailTaken))), "{taken:?}");
    let mut tx = two.store.tenant(&two.b, Access::Write).await.expect("the door opens");
    let elsewhere = tx.insert_user(&somebody("x@a.example"), now()).await;
    assert!(elsewhere.is_ok(), "the same address is free in another organization: {elsewhere:?}");
}

#[tokio::test]
async fn should_let_two_organizations_use_the_same_execution_id() {
    let two = two().await;
    let mut tx = two.store.tenant(&two.b, Access::Write).await.expect("the door opens");
    let workflow = revision(&mut tx).await;
    let same = insert(&mut tx, two.execution, &workflow).await;
    assert!(same.is_ok(), "{same:?}");
}

#[tokio::test]
async fn should_page_through_a_list_without_gap_or_overlap() {
    let database = Database::migrated().await;
    let store = store(&database);
    let org = scope(&organization(&store, "aaa").await);
    let mut tx = store.tenant(&org, Access::Write).await.expect("the door opens");
    for number in 0..5 {
        tx.insert_user(&somebody(&format!("{number}@a.example")), now()).await.expect("a user");
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = tx.users(PageRequest::new(after, 2)).await.expect("a page");
        after = page.items.last().map(|user| user.id.uuid());
        seen.extend(page.items.into_iter().filter_map(|user| user.email));
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, ["4@a.example", "3@a.example", "2@a.example", "1@a.example", "0@a.example"]);
}

#[tokio::test]
async fn should_give_back_json_in_the_order_it_came() {
    let two = two().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    let workflow =
        workflows::get(&mut tx, &workflow_name(), None).await.expect("a query").expect("the workflow");
    assert_eq!(workflow.definition.to_string(), r#"{"b":1,"a":2}"#);
}

#[tokio::test]
async fn should_give_an_unprovisioned_organization_to_one_taker_at_a_time() {
    let database = Database::migrated().await;
    let store = store(&database);
    organization(&store, "acme").await;
    let lease = chrono::TimeDelta::seconds(30);
    let mut taken = Vec::new();
    while let Some(due) = take(&store, now(), lease).await {
        taken.push((due.organization.slug.as_str().to_owned(), due.tried));
    }
    taken.sort();
    assert_eq!(taken, [("acme".to_owned(), 0), ("system".to_owned(), 0)]);
    let later = take(&store, now() + lease, lease).await;
    assert_eq!(later.map(|due| due.tried), Some(1), "a lease that ran out is taken again");
}

async fn take(store: &Store, now: Timestamp, lease: chrono::TimeDelta) -> Option<organizations::Due> {
    let mut tx = store.platform().await.expect("the platform's door opens");
    let due = organizations::take_due(&mut tx, now, lease).await.expect("a query");
    tx.commit().await.expect("it is taken");
    due
}

#[tokio::test]
async fn should_notice_a_role_that_could_bypass_the_policies() {
    let database = Database::migrated().await;
    assert_eq!(store(&database).unsafe_role().await.expect("a query"), None);
    // Roles are the whole cluster's, so this one is made unsafe in a way that only this database knows.
    let own = "alter table users owner to tenantry_application";
    database.owner().await.execute(own).await.expect("another owner");
    let found = store(&database).unsafe_role().await.expect("a query");
    assert_eq!(found.as_deref(), Some("tenantry_application"));
}
