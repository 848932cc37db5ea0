-- The server owns nothing and bypasses nothing: it acts as one of two roles that the owner (who migrates) may become.
--   tenantry_application  a tenant's door: sees the rows of the one organization that the transaction names
--   tenantry_platform     the platform's door: authentication, provisioning, what admins do across organizations
-- Roles belong to the whole database cluster, so another database may have made them already. Where the owner may not
-- create roles, an operator creates both beforehand, NOLOGIN NOSUPERUSER NOBYPASSRLS, and grants them to the owner.

do $$
declare
    wanted text;
begin
    foreach wanted in array array['tenantry_application', 'tenantry_platform'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin nosuperuser nobypassrls', wanted);
            exception when duplicate_object or unique_violation then
                null; -- another database's migration was faster
            end;
        end if;
        -- Whoever creates a role may grant it, but may not become it before that.
        if not pg_has_role(current_user, wanted, 'set') then
            execute format('grant %I to current_user', wanted);
        end if;
        execute format('grant usage on schema public to %I', wanted);
    end loop;
end
$$;

-- Gives a tenant table what every tenant table must have. The sub-select makes PostgreSQL read the setting once a
-- query and not once a row. A setting that was never made is null or empty: then no row matches.
create function protect_tenant_table(tenant_table regclass) returns void
language plpgsql as $$
begin
    execute format('alter table %s enable row level security', tenant_table);
    execute format('alter table %s force row level security', tenant_table);
    execute format(
        'create policy tenant on %s to tenantry_application
             using (organization_id = (select nullif(current_setting(''tenantry.organization_id'', true), '''')::uuid))
             with check (organization_id = (select nullif(current_setting(''tenantry.organization_id'', true), '''')::uuid))',
        tenant_table
    );
    execute format('create policy platform on %s to tenantry_platform using (true) with check (true)', tenant_table);
    execute format('grant select on %s to tenantry_application, tenantry_platform', tenant_table);
end
$$;
revoke all on function protect_tenant_table(regclass) from public;
