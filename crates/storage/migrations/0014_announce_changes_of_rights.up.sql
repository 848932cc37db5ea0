-- Every node caches who may do what. Each change of it is announced in the transaction that makes it, whoever makes it: the
-- announcement names the organization, and PostgreSQL sends it once for each transaction, when it is committed.

create function announce_rights() returns trigger
language plpgsql as $$
begin
    if tg_table_name = 'organizations' then
        perform pg_notify('tenantry_rights', coalesce(new.id, old.id)::text);
    else
        perform pg_notify('tenantry_rights', coalesce(new.organization_id, old.organization_id)::text);
    end if;
    return null;
end
$$;

-- What is added gives nobody fewer rights, and nobody can have been refused for its absence: a secret is random.
create trigger announce after update or delete on users for each row execute function announce_rights();
create trigger announce_end after delete on api_keys for each row execute function announce_rights();
create trigger announce_change after update on api_keys for each row
    when (old.* is distinct from new.*) execute function announce_rights();
create trigger announce after insert or update or delete on quotas for each row execute function announce_rights();
-- The reconciler's notes to itself are nobody's rights.
create trigger announce after update of slug, name, status, status_reason or delete on organizations
    for each row execute function announce_rights();
