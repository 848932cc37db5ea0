//! The schema's history: up, down to nothing, up again, and over rows that were there before tenancy.

use chrono::TimeDelta;
use sqlx::{Executor as _, Row as _};
use tenantry_domain::{
    ApiKeyName, Namespace, Scopes, Secret, WorkflowName,
    api_key::{Limits, NewApiKey},
    repository::{ApiKeyRepository as _, OrganizationRepository as _},
};
use tenantry_storage::{Access, Doors as _, Transaction as _, api_keys, migrate, workflows};
use tenantry_test_support::Database;

use crate::{organization, scope, store};

async fn tables(database: &Database) -> Vec<String> {
    let query = "select tablename::text from pg_tables where schemaname = 'public' and tablename <> '_sqlx_migrations' order by 1";
    let rows = database.owner().await.fetch_all(query).await.expect("a query");
    rows.iter().map(|row| row.get(0)).collect()
}

async fn migrations(database: &Database) -> migrate::Database {
    migrate::Database::connect(&database.url).await.expect("the owner connects")
}

#[tokio::test]
async fn should_go_up_and_down_to_nothing_and_up_again() {
    let database = Database::empty().await;
    let mut migrations = migrations(&database).await;
    migrations.up().await.expect("up");
    let full = tables(&database).await;
    let steps = migrations.status().await.expect("a status");
    assert!(steps.iter().all(|step| step.applied));
    migrations.down(steps.len()).await.expect("down");
    assert_eq!(tables(&database).await, Vec::<String>::new());
    assert!(migrations.status().await.expect("a status").iter().all(|step| !step.applied));
    migrations.up().await.expect("up again");
    assert_eq!(tables(&database).await, full);
}

#[tokio::test]
async fn should_go_down_one_step_at_a_time() {
    let database = Database::empty().await;
    let mut migrations = migrations(&database).await;
    migrations.up().await.expect("up");
    let all = migrations.status().await.expect("a status").len();
    for left in (0..all).rev() {
        migrations.down(1).await.expect("down");
        let applied = migrations.status().await.expect("a status").iter().filter(|step| step.applied).count();
        assert_eq!(applied, left);
    }
}

#[tokio::test]
async fn should_name_the_steps_as_an_operator_looks_for_them() {
    let status = migrations(&Database::empty().await).await.status().await.expect("a status");
    let names: Vec<_> = status.iter().map(|step| step.name.as_ref()).collect();
    let expected = [
        "create_workflow_tables",
        "create_database_roles",
        "create_organizations_table",
        "create_users_table",
        "create_api_keys_table",
        "add_organization_id_to_existing_tables",
        "create_audit_entries_table",
        "create_multi_tenant_indexes",
        "create_quotas_table",
        "create_schedules_and_secrets_tables",
        "index_audit_entries_by_time",
        "create_rights_check",
        "create_api_key_secrets_table",
        "announce_changes_of_rights",
        "create_nodes_table",
        "add_own_workflow_types_to_executions",
        "add_drift_to_organizations",
        "apply_schedules",
        "create_idempotency_keys_table",
        "add_concurrent_activities_to_quotas",
        "keep_deleted_workflows",
        "index_api_key_secrets_by_hash",
        "index_api_keys_by_id",
    ];
    assert_eq!(names, expected);
}

/// Before tenancy there was one step.
async fn down_to_the_workflow_tables(migrations: &mut migrate::Database) {
    let steps = migrations.status().await.expect("a status").len();
    migrations.down(steps - 1).await.expect("down to the workflow tables");
}

/// A database as it was before tenancy, with a workflow and an execution in it.
async fn before_tenancy() -> Database {
    let database = Database::empty().await;
    let mut migrations = migrations(&database).await;
    migrations.up().await.expect("up");
    down_to_the_workflow_tables(&mut migrations).await;
    let rows = "
        insert into workflows values ('01890a5d-ac96-774b-bcce-b302099a8057', 'old', now());
        insert into workflow_revisions
            values ('01890a5d-ac96-774b-bcce-b302099a8057', 1, '0.1.0', 'd', '{\"document\":{}}', now(), null);
        insert into executions (id, workflow_id, revision, status, input, output, started_at, ended_at)
            values ('01890a5d-ac96-774b-bcce-b302099a8058', '01890a5d-ac96-774b-bcce-b302099a8057', 1, 'completed',
                    '{}', '{\"total\":1}', now(), now());";
    database.owner().await.execute(rows).await.expect("the old rows");
    database
}

#[tokio::test]
async fn should_give_what_was_there_before_tenancy_to_the_system_organization() {
    let database = before_tenancy().await;
    migrations(&database).await.up().await.expect("up over the old rows");
    let store = store(&database);
    let mut tx = store.platform().await.expect("the platform's door opens");
    let system = tx.system_organization().await.expect("the system organization");
    let name = WorkflowName::parse("old").expect("a name");
    let mut tx = store.tenant(&scope(&system), Access::Read).await.expect("the door opens");
    assert!(workflows::get(&mut tx, &name, None).await.expect("a query").is_some());
    let id = "exe_01h455vb4pex5vsknk084sn02r".parse().expect("an id");
    let execution =
        tenantry_storage::executions::get(&mut tx, id).await.expect("a query").expect("the execution");
    assert_eq!(execution.output.expect("an output").to_string(), r#"{"total":1}"#);
    let other = scope(&organization(&store, "other").await);
    let mut tx = store.tenant(&other, Access::Read).await.expect("the door opens");
    assert!(workflows::get(&mut tx, &name, None).await.expect("a query").is_none());
}

#[tokio::test]
async fn should_keep_the_rows_of_the_system_organization_on_the_way_down() {
    let database = before_tenancy().await;
    let mut migrations = migrations(&database).await;
    migrations.up().await.expect("up");
    down_to_the_workflow_tables(&mut migrations).await;
    let row = database.owner().await.fetch_one("select count(*) from executions").await.expect("a query");
    assert_eq!(row.get::<i64, _>(0), 1);
}

#[tokio::test]
async fn should_refuse_to_mix_the_rows_of_organizations_on_the_way_down() {
    let database = Database::migrated().await;
    let org = scope(&organization(&store(&database), "acme").await);
    let mut tx = store(&database).tenant(&org, Access::Write).await.expect("the door opens");
    workflows::lock(&mut tx, &WorkflowName::parse("quote").expect("a name"), crate::now())
        .await
        .expect("a workflow");
    tx.commit().await.expect("it is kept");
    let refused = migrations(&database).await.down(99).await.expect_err("rows would be mixed");
    let cause = std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("other than the system organization"), "{cause}");
}

#[tokio::test]
async fn should_refuse_to_lose_executions_of_own_workflow_types_on_the_way_down() {
    let two = crate::doors::two().await;
    let refused = down_below_own_types(&two.database).await.expect_err("it would be lost");
    let cause = std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("executions of own workflow types exist"), "{cause}");
    let delete = "delete from executions where workflow_type is not null";
    two.database.owner().await.execute(delete).await.expect("they are deleted");
    down_below_own_types(&two.database).await.expect("down");
    let row = two.database.owner().await.fetch_one("select count(*) from executions").await.expect("a query");
    assert_eq!(row.get::<i64, _>(0), 1, "the other one is kept");
}

#[tokio::test]
async fn should_refuse_to_lose_what_schedules_have_started_on_the_way_down() {
    let two = crate::doors::two().await;
    let started = "update executions set schedule_id = gen_random_uuid(), temporal_workflow_id = 'sch_x-2026'
        where workflow_type is null";
    two.database.owner().await.execute(started).await.expect("a schedule has started it");
    let mut migrations = migrations(&two.database).await;
    let steps = migrations.status().await.expect("a status");
    let step = steps.iter().position(|step| step.name == "apply_schedules").expect("the step");
    let refused = migrations.down(steps.len() - step).await.expect_err("it would be lost");
    let cause = std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("executions of schedules exist"), "{cause}");
    let back =
        "update executions set schedule_id = null, temporal_workflow_id = null where workflow_type is null";
    two.database.owner().await.execute(back).await.expect("it was somebody else");
    down_below(&mut migrations, "apply_schedules").await;
    migrations.up().await.expect("up again");
}

#[tokio::test]
async fn should_show_a_deleted_workflow_again_if_something_ran_it_on_the_way_down() {
    let two = crate::doors::two().await;
    let mut tx = two.store.tenant(&two.a, Access::Write).await.expect("the door opens");
    for name in ["quote", "unused"] {
        let name = WorkflowName::parse(name).expect("a name");
        let id = workflows::lock(&mut tx, &name, crate::now()).await.expect("a workflow");
        workflows::delete(&mut tx, id).await.expect("a query");
        assert!(workflows::find(&mut tx, &name).await.expect("a query").is_none());
    }
    tx.commit().await.expect("they are deleted");
    let mut migrations = migrations(&two.database).await;
    down_below(&mut migrations, "keep_deleted_workflows").await;
    let query = "select name from workflows where organization_id = $1";
    let left = sqlx::query(query).bind(two.a.organization().uuid());
    let left = left.fetch_all(&mut two.database.owner().await).await.expect("a query");
    let names: Vec<String> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(names, ["quote"], "an execution refers to it");
    migrations.up().await.expect("up again");
}

async fn down_below_own_types(database: &Database) -> Result<(), migrate::Error> {
    let mut migrations = migrations(database).await;
    let steps = migrations.status().await.expect("a status");
    let step = steps.iter().position(|step| step.name == "add_own_workflow_types_to_executions");
    let later = steps.iter().filter(|step| step.applied).count() - step.expect("the step");
    migrations.down(later).await
}

#[tokio::test]
async fn should_name_the_system_organizations_namespace_by_the_same_rule() {
    let database = Database::migrated().await;
    let mut tx = store(&database).platform().await.expect("the platform's door opens");
    let system = tx.system_organization().await.expect("the system organization");
    assert_eq!(system.namespace, Namespace::of(&system.slug, system.id));
}

/// Takes a step back, and those that followed it.
async fn down_below(migrations: &mut migrate::Database, step: &str) {
    let steps = migrations.status().await.expect("a status");
    let at = steps.iter().position(|known| known.name == step).expect(step);
    let applied = steps.iter().filter(|step| step.applied).count();
    migrations.down(applied - at).await.expect("down");
}

/// A key of the system organization as it was when a key was a secret; the hash is of a text that is none.
const KEY_WITH_ITS_SECRET: &str = "
    insert into users (id, organization_id, kind, name, role, status, created_at)
        select '01890a5d-ac96-774b-bcce-b302099a8059', id, 'service', 'old', 'customer', 'active', now() from organizations;
    insert into api_keys (id, organization_id, user_id, name, secret_hash, prefix, last_four, created_at)
        select '01890a5d-ac96-774b-bcce-b302099a805a', id, '01890a5d-ac96-774b-bcce-b302099a8059', 'old', $$hash$$, 'tn_abcd',
               'wxyz', '2026-01-31 12:00:00+00' from organizations;";

#[tokio::test]
async fn should_keep_the_secrets_of_keys_on_the_way_up_and_the_newest_on_the_way_down() {
    let database = Database::empty().await;
    let mut migrations = migrations(&database).await;
    migrations.up().await.expect("up");
    down_below(&mut migrations, "create_api_key_secrets_table").await;
    let secret = Secret::generate().expect("a secret");
    let hash =
        secret.hash().as_bytes().iter().fold("'\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    let rows = KEY_WITH_ITS_SECRET.replace("$$hash$$", &format!("{hash}'"));
    database.owner().await.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(rows))).await.expect("the old rows");

    migrations.up().await.expect("up over the old rows");
    let store = store(&database);
    let presents = async |secret: &Secret| {
        api_keys::authenticate(&store, &secret.hash(), crate::now()).await.expect("a query")
    };
    let caller = presents(&secret).await.expect("the old secret is good");
    let issued = &caller.api_key().secrets[0];
    assert_eq!((issued.prefix.as_str(), issued.last_four.as_str()), ("tn_abcd", "wxyz"));
    assert_eq!((issued.created_at, issued.ends_at), (caller.api_key().created_at, None));
    assert_eq!(caller.api_key().limits, Limits::default(), "and not limited");

    let (key, newest) = (caller.api_key().id, Secret::generate().expect("a secret"));
    let mut tx = store.tenant(&caller.scope(), Access::Govern).await.expect("the door opens");
    let overlap = crate::now() + TimeDelta::days(1);
    tx.rotate_api_key(key, &newest, Some(overlap), crate::now()).await.expect("a query");
    let scopes = Some(Scopes::parse(&["workflows:read"]).expect("scopes"));
    let limited = NewApiKey {
        limits: Limits { scopes, ..Limits::default() },
        ..NewApiKey::named(ApiKeyName::parse("limited").expect("a name"))
    };
    let narrow = Secret::generate().expect("a secret");
    tx.insert_api_key(caller.user().id, &limited, &narrow, crate::now()).await.expect("a key");
    tx.commit().await.expect("all is kept");
    assert!(presents(&secret).await.is_some() && presents(&narrow).await.is_some());

    down_below(&mut migrations, "create_api_key_secrets_table").await;
    migrations.up().await.expect("up again");
    assert!(presents(&newest).await.is_some());
    assert!(presents(&secret).await.is_none(), "there was room for one");
    assert!(presents(&narrow).await.is_none(), "rather none than one without its limits");
}

/// An owner as managed databases have them: no superuser, and the two roles were made and granted by somebody else.
#[tokio::test]
async fn should_migrate_and_serve_as_an_owner_who_is_no_superuser() {
    let database = before_tenancy().await;
    let owner = format!("tenantry_test_owner_{}", std::process::id());
    let name = database.url.rsplit('/').next().expect("a database's name");
    let make = format!(
        "create role {owner} login password 'secret';
         grant tenantry_application, tenantry_platform to {owner};
         alter database {name} owner to {owner};
         alter table workflows owner to {owner};
         alter table workflow_revisions owner to {owner};
         alter table executions owner to {owner};
         alter table _sqlx_migrations owner to {owner};"
    );
    database.owner().await.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(make))).await.expect("an owner");
    let as_owner = database.as_user(&owner, "secret");
    migrations(&as_owner).await.up().await.expect("up over the old rows");
    let acme = organization(&store(&as_owner), "acme").await;
    let mut tx = store(&as_owner).tenant(&scope(&acme), Access::Read).await.expect("the door opens");
    let name_of_old = WorkflowName::parse("old").expect("a name");
    assert!(workflows::get(&mut tx, &name_of_old, None).await.expect("a query").is_none());
    drop(tx);
    migrations(&as_owner).await.down(99).await.expect("down to nothing");
    let clean =
        format!("reassign owned by {owner} to current_user; drop owned by {owner}; drop role {owner}");
    database.owner().await.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(clean))).await.expect("the owner goes");
}
