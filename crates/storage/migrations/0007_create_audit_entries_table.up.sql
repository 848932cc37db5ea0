create table audit_entries (
    id uuid primary key,
    organization_id uuid not null references organizations (id),
    at timestamptz not null,
    -- No foreign keys: an entry outlives whoever it names. Both are null for what the deployment does itself.
    actor_user_id uuid,
    actor_api_key_id uuid,
    action text not null,
    resource_type text not null,
    resource_id text not null
);

select protect_tenant_table('audit_entries');
-- Append only: nobody but the owner can change or remove an entry.
grant insert on audit_entries to tenantry_application, tenantry_platform;
