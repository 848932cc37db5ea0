-- The audit log: append only, and chained by hash within an organization, so that an entry that was altered or removed shows.

create table audit_entries (
    id uuid not null,
    organization_id uuid not null references organizations (id),
    sequence bigint not null,
    at timestamptz not null,
    -- No foreign keys: an entry outlives whoever it names. All four are null for what the deployment does itself.
    actor_user_id uuid,
    actor_api_key_id uuid,
    actor_role text,
    actor_organization_id uuid,
    action text not null,
    resource_type text not null,
    resource_id text not null,
    outcome text not null check (outcome in ('ok', 'denied', 'failed')),
    request_id text,
    source_address text,
    changes jsonb,
    previous_hash bytea not null,
    hash bytea not null,
    primary key (organization_id, sequence)
);

-- The end of each organization's chain. Its row is also the lock that makes the chain one.
create table audit_heads (
    organization_id uuid primary key references organizations (id),
    sequence bigint not null,
    hash bytea not null
);

-- SHA-256 over the hash before and the entry's values, as the text of a JSON array: without ambiguity, and the same for ever.
create function audit_entry_hash(entry audit_entries) returns bytea
language sql stable as $$
    select sha256(entry.previous_hash || convert_to(jsonb_build_array(
        entry.organization_id, entry.sequence, entry.id, extract(epoch from entry.at), entry.actor_user_id,
        entry.actor_api_key_id, entry.actor_role, entry.actor_organization_id, entry.action, entry.resource_type,
        entry.resource_id, entry.outcome, entry.request_id, entry.source_address, entry.changes
    )::text, 'UTF8'))
$$;

create function chain_audit_entry() returns trigger
language plpgsql as $$
declare
    head audit_heads;
begin
    insert into audit_heads values (new.organization_id, 0, '') on conflict do nothing;
    select * into head from audit_heads where organization_id = new.organization_id for update;
    new.sequence := head.sequence + 1;
    new.previous_hash := head.hash;
    new.hash := audit_entry_hash(new);
    update audit_heads set sequence = new.sequence, hash = new.hash where organization_id = new.organization_id;
    return new;
end
$$;

create trigger chain before insert on audit_entries for each row execute function chain_audit_entry();

select protect_tenant_table(name) from unnest(array['audit_entries', 'audit_heads']::regclass[]) as name;
grant insert on audit_entries, audit_heads to tenantry_application, tenantry_platform;
grant update (sequence, hash) on audit_heads to tenantry_application, tenantry_platform;
