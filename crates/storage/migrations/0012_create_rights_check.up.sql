-- Rights that hold for as long as a transaction lasts. Whoever writes takes their organization's lock together with others;
-- whoever changes rights (a key, a user, the state of the organization) takes it alone. So a revocation that has been
-- answered is followed by no write of the key that it revoked, and the two cannot pass each other unseen.

-- Answers why the actor may not write in the organization now: 'actor', 'gone' or 'suspended'; null when they may.
--   seen_status, seen_role  what was true when the actor was authenticated
-- It looks across organizations, because admins act in others' than their own; what it tells is only about the exact ids
-- and words that it is given. Every query in it sees what was committed when the locks were taken: it is volatile.
create function hold_rights(
    govern boolean,
    organization uuid, seen_status text,
    actor_organization uuid, actor_user uuid, actor_api_key uuid, seen_role text
) returns text
language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
    locked uuid;
    status_now text;
begin
    -- In one order, so that two transactions never wait for each other.
    for locked in select distinct id from unnest(array[organization, actor_organization]) as id order by id loop
        if govern and locked = organization then
            perform pg_advisory_xact_lock(hashtextextended('rights:' || locked, 0));
        else
            perform pg_advisory_xact_lock_shared(hashtextextended('rights:' || locked, 0));
        end if;
    end loop;
    if not exists (
        select from api_keys
        join users on users.organization_id = api_keys.organization_id and users.id = api_keys.user_id
        join organizations on organizations.id = api_keys.organization_id
        where api_keys.organization_id = actor_organization and api_keys.id = actor_api_key
          and api_keys.user_id = actor_user and api_keys.revoked_at is null
          and users.status = 'active' and users.role = seen_role and organizations.status <> 'deleting'
    ) then
        return 'actor';
    end if;
    select status into status_now from organizations where id = organization;
    if status_now is null or status_now = 'deleting' then
        return 'gone';
    end if;
    if status_now = 'suspended' and seen_status <> 'suspended' then
        return 'suspended';
    end if;
    return null;
end
$$;

-- Its owner is the role that sees every organization; a function's new owner must be allowed to create in its schema.
grant create on schema public to tenantry_platform;
alter function hold_rights(boolean, uuid, text, uuid, uuid, uuid, text) owner to tenantry_platform;
revoke create on schema public from tenantry_platform;
revoke all on function hold_rights(boolean, uuid, text, uuid, uuid, uuid, text) from public;
grant execute on function hold_rights(boolean, uuid, text, uuid, uuid, uuid, text) to tenantry_application;

-- An organization whose namespace is to be brought in line with what is stored, though its status need not change.
alter table organizations add column settle_due boolean not null default false;
drop index organizations_unreconciled;
create index organizations_unreconciled on organizations (next_attempt_at)
    where status in ('provisioning', 'deleting') or (settle_due and status in ('active', 'suspended'));

-- A suspension that stops what runs is one transaction with it.
grant update (cancel_requested_at) on executions to tenantry_platform;
