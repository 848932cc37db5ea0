drop function protect_tenant_table(regclass);

do $$
declare
    unwanted text;
begin
    foreach unwanted in array array['tenantry_application', 'tenantry_platform'] loop
        execute format('revoke usage on schema public from %I', unwanted);
        begin
            execute format('drop role %I', unwanted);
        exception
            -- Another database of this cluster still uses it, or the owner may not drop what an operator made.
            when dependent_objects_still_exist or insufficient_privilege then null;
        end;
    end loop;
end
$$;
