create table organizations (
    id uuid primary key,
    slug text not null,
    name text not null,
    status text not null check (
        status in ('provisioning', 'active', 'suspended', 'provisioning_failed', 'deleting')
    ),
    status_reason text,
    -- Slug and part of the id, so that no two organizations ever have the same.
    namespace text not null,
    -- The platform's own: its users may be admins.
    is_system boolean not null default false,
    -- How often the reconciler tried what the status asks of it, and when it may try again.
    attempts integer not null default 0,
    next_attempt_at timestamptz not null,
    -- What an erasure has removed so far: table to number of rows.
    erased jsonb not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint organizations_slug_key unique (slug),
    constraint organizations_namespace_key unique (namespace)
);

create unique index organizations_one_system on organizations (is_system) where is_system;

insert into organizations (id, slug, name, status, namespace, is_system, next_attempt_at, created_at, updated_at)
select
    id, 'system', 'System', 'provisioning', 'system-' || right(replace(id::text, '-', ''), 12), true,
    now(), now(), now()
from (select gen_random_uuid() as id) as generated;

-- The one tenant table whose organization is its own id.
alter table organizations enable row level security;
alter table organizations force row level security;
create policy tenant on organizations to tenantry_application
    using (id = (select nullif(current_setting('tenantry.organization_id', true), '')::uuid))
    with check (id = (select nullif(current_setting('tenantry.organization_id', true), '')::uuid));
create policy platform on organizations to tenantry_platform using (true) with check (true);
grant select on organizations to tenantry_application;
grant select, insert, update, delete on organizations to tenantry_platform;
