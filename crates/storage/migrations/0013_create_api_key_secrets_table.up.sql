-- A key has secrets: while one replaces another, two are good. And a key can be limited: to some permissions, workflows and
-- task queues, to networks, to a rate.

create table api_key_secrets (
    id uuid primary key,
    organization_id uuid not null references organizations (id),
    api_key_id uuid not null,
    -- SHA-256 of the secret; the secret itself is nowhere.
    secret_hash bytea not null check (length(secret_hash) = 32),
    prefix text not null,
    last_four text not null,
    created_at timestamptz not null,
    -- From when on it is worth nothing. The newest has no end of its own.
    ends_at timestamptz,
    -- Whether somebody has ended it, at once: then whoever has presented it may not even finish what they began.
    ended boolean not null default false,
    last_used_at timestamptz,
    last_used_address text,
    -- Across organizations: it is what finds the organization of whoever presents the secret.
    constraint api_key_secrets_secret_hash_key unique (secret_hash),
    constraint api_key_secrets_api_key_fkey foreign key (organization_id, api_key_id)
        references api_keys (organization_id, id) on delete cascade
);
create index api_key_secrets_by_key on api_key_secrets (organization_id, api_key_id, id);

-- Row-level security is forced, for the owner too: step aside for one statement. A key's first secret takes the key's id.
alter table api_keys no force row level security;
insert into api_key_secrets (id, organization_id, api_key_id, secret_hash, prefix, last_four, created_at)
    select id, organization_id, id, secret_hash, prefix, last_four, created_at from api_keys;
alter table api_keys force row level security;

alter table api_keys
    drop column secret_hash,
    drop column prefix,
    drop column last_four,
    -- Null is no limit, in each of them.
    add column scopes text[],
    add column allowed_cidrs text[],
    add column rate_limit_requests integer,
    add column rate_limit_per_seconds integer,
    -- How often scopes or networks have changed: whoever was let in by others may not finish what they began.
    add column revision integer not null default 0,
    -- When it got its newest secret, if that is not its first. Whoever watches keys sees by it that their secrets have changed.
    add column rotated_at timestamptz,
    add constraint api_keys_rate_limit check ((rate_limit_requests is null) = (rate_limit_per_seconds is null));

select protect_tenant_table('api_key_secrets');
grant insert, delete on api_key_secrets to tenantry_application;
grant update (ends_at, ended) on api_key_secrets to tenantry_application;
grant update (
    name, expires_at, scopes, allowed_cidrs, rate_limit_requests, rate_limit_per_seconds, revision, rotated_at
) on api_keys to tenantry_application;
-- When secrets were used is written for all organizations at once; erasure is the platform's work.
grant update (last_used_at, last_used_address), delete on api_key_secrets to tenantry_platform;

-- Lists of what is about to expire.
create index api_keys_expiring on api_keys (organization_id, expires_at) where revoked_at is null;

-- The same as before, and of the credential too: that nobody has ended the secret, nor changed what the key may do.
--   seen_revision  what was true when the actor was authenticated
create function hold_rights(
    govern boolean,
    organization uuid, seen_status text,
    actor_organization uuid, actor_user uuid, actor_api_key uuid, seen_role text,
    actor_secret uuid, seen_revision integer
) returns text
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
    refusal text := hold_rights(govern, organization, seen_status, actor_organization, actor_user, actor_api_key, seen_role);
begin
    if refusal is null and not exists (
        select from api_keys
        join api_key_secrets as secrets on secrets.organization_id = api_keys.organization_id and secrets.api_key_id = api_keys.id
        where api_keys.organization_id = actor_organization and api_keys.id = actor_api_key and revision = seen_revision
          and secrets.id = actor_secret and not secrets.ended
    ) then
        return 'actor';
    end if;
    return refusal;
end
$$;
grant create on schema public to tenantry_platform;
alter function hold_rights(boolean, uuid, text, uuid, uuid, uuid, text, uuid, integer) owner to tenantry_platform;
revoke create on schema public from tenantry_platform;
revoke all on function hold_rights(boolean, uuid, text, uuid, uuid, uuid, text, uuid, integer) from public;
grant execute on function hold_rights(boolean, uuid, text, uuid, uuid, uuid, text, uuid, integer) to tenantry_application;
-- Nobody holds rights without a secret any more.
revoke execute on function hold_rights(boolean, uuid, text, uuid, uuid, uuid, text) from tenantry_application;
