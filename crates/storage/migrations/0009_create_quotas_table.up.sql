-- What admins have set; a null is the default, which a later version may change.
create table quotas (
    organization_id uuid primary key references organizations (id),
    requests_per_second integer,
    users integer,
    api_keys integer,
    workflows integer,
    schedules integer,
    running_executions integer,
    starts_per_second integer,
    retention_days integer
);

select protect_tenant_table('quotas');
-- A tenant reads its limits; only the platform sets them.
grant insert, update on quotas to tenantry_platform;

-- Erasure, the one thing that removes whole organizations, is the platform's work.
grant delete on executions, workflow_revisions, workflows, api_keys, users, audit_entries, audit_heads, quotas
    to tenantry_platform;
