//! What every tenant table must have, read from PostgreSQL's own catalog: a table that is added without it fails here.

use sqlx::Row as _;
use tenantry_test_support::Database;

/// The names that a query finds, as a sorted list.
async fn names(database: &Database, query: &'static str) -> Vec<String> {
    let rows = sqlx::query(query).fetch_all(&mut database.owner().await).await.expect(query);
    rows.iter().map(|row| row.get(0)).collect()
}

const TENANT_TABLES: &str = "
    select relname::text from pg_class join pg_attribute on attrelid = pg_class.oid
    where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and attname = 'organization_id'
    union select 'organizations' order by 1";

#[tokio::test]
async fn should_know_every_tenant_table() {
    let tables = names(&Database::migrated().await, TENANT_TABLES).await;
    let known = [
        "api_key_secrets",
        "api_keys",
        "audit_entries",
        "audit_heads",
        "executions",
        "idempotency_keys",
        "organizations",
        "quotas",
        "schedules",
        "secrets",
        "users",
        "workflow_revisions",
        "workflows",
    ];
    assert_eq!(tables, known);
}

#[tokio::test]
async fn should_have_no_table_without_an_organization() {
    let query = "
        select relname::text from pg_class
        where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
          and relname not in ('organizations', 'nodes', '_sqlx_migrations')
          and not exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'organization_id' and attnotnull)
        order by 1";
    assert_eq!(names(&Database::migrated().await, query).await, Vec::<String>::new());
}

#[tokio::test]
async fn should_force_row_level_security_on_every_tenant_table() {
    let query = "
        select relname::text from pg_class
        where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and relname <> '_sqlx_migrations'
          and relrowsecurity and relforcerowsecurity order by 1";
    let database = Database::migrated().await;
    assert_eq!(names(&database, query).await, names(&database, TENANT_TABLES).await);
}

#[tokio::test]
async fn should_have_a_policy_for_reading_and_writing_on_every_tenant_table() {
    // The setting must stand in a sub-select, or PostgreSQL evaluates it for each row.
    let query = "
        select tablename::text from pg_policies
        where schemaname = 'public' and policyname = 'tenant' and cmd = 'ALL' and permissive = 'PERMISSIVE'
          and roles = '{tenantry_application}' and qual = with_check
          and qual ~ '^\\((organization_)?id = \\( SELECT .*tenantry\\.organization_id'
        order by 1";
    let database = Database::migrated().await;
    assert_eq!(names(&database, query).await, names(&database, TENANT_TABLES).await);
}

#[tokio::test]
async fn should_have_no_other_policies() {
    let query = "
        select distinct policyname || ' to ' || roles::text from pg_policies where schemaname = 'public' order by 1";
    let policies = names(&Database::migrated().await, query).await;
    assert_eq!(policies, ["platform to {tenantry_platform}", "tenant to {tenantry_application}"]);
}

#[tokio::test]
async fn should_tie_every_tenant_table_to_organizations() {
    let query = "
        select distinct conrelid::regclass::text from pg_constraint
        where contype = 'f' and confrelid = 'organizations'::regclass
          and conkey = array[(select attnum from pg_attribute where attrelid = conrelid and attname = 'organization_id')]
        union select 'organizations' order by 1";
    let database = Database::migrated().await;
    assert_eq!(names(&database, query).await, names(&database, TENANT_TABLES).await);
}

#[tokio::test]
async fn should_index_every_tenant_table_by_its_organization_first() {
    let query = "
        select distinct indrelid::regclass::text from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
        where attname = 'organization_id' and indpred is null union select 'organizations' order by 1";
    let database = Database::migrated().await;
    assert_eq!(names(&database, query).await, names(&database, TENANT_TABLES).await);
}

#[tokio::test]
async fn should_keep_references_between_tenant_tables_inside_one_organization() {
    let query = "
        select conname::text from pg_constraint
        where contype = 'f' and connamespace = 'public'::regnamespace and confrelid <> 'organizations'::regclass
          and not (select attnum from pg_attribute where attrelid = conrelid and attname = 'organization_id') = any (conkey)";
    assert_eq!(names(&Database::migrated().await, query).await, Vec::<String>::new());
}

#[tokio::test]
async fn should_act_as_roles_that_own_and_bypass_nothing() {
    let query = "
        select rolname::text from pg_roles
        where rolname in ('tenantry_application', 'tenantry_platform')
          and not (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolcanlogin or rolreplication)
          and not exists (select from pg_class where relowner = pg_roles.oid)
        order by 1";
    let roles = names(&Database::migrated().await, query).await;
    assert_eq!(roles, ["tenantry_application", "tenantry_platform"]);
}

#[tokio::test]
async fn should_let_no_tenant_change_or_remove_an_audit_entry_and_the_platform_only_erase() {
    let query = "
        select grantee || ' ' || privilege_type from information_schema.role_table_grants
        where table_name = 'audit_entries' and grantee like 'tenantry\\_%' order by 1";
    let grants = names(&Database::migrated().await, query).await;
    let only = [
        "tenantry_application INSERT",
        "tenantry_application SELECT",
        "tenantry_platform DELETE",
        "tenantry_platform INSERT",
        "tenantry_platform SELECT",
    ];
    assert_eq!(grants, only);
}

#[tokio::test]
async fn should_grant_the_roles_no_more_of_schedules_and_secrets_than_their_work_needs() {
    let query = "
        select concat_ws(' ', substr(grantee, 10), privilege_type, table_name)
        from information_schema.role_table_grants
        where table_name in ('schedules', 'secrets') and grantee like 'tenantry\\_%'
        union
        select concat_ws(' ', substr(grantee, 10), privilege_type, table_name || '.' || column_name)
        from information_schema.column_privileges
        where table_name in ('schedules', 'secrets') and grantee like 'tenantry\\_%' and privilege_type = 'UPDATE'
        order by 1";
    insta::assert_snapshot!(names(&Database::migrated().await, query).await.join("\n"));
}
