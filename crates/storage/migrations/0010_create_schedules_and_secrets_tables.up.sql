create table schedules (
    id uuid not null,
    organization_id uuid not null references organizations (id),
    workflow_id uuid not null,
    -- json, not jsonb: what comes back has its keys in the order they came.
    input json not null,
    -- Either a line of cron in a time zone, or an interval.
    cron text,
    timezone text,
    every_seconds integer check (every_seconds >= 1),
    overlap text not null check (
        overlap in ('skip', 'buffer_one', 'buffer_all', 'cancel_other', 'terminate_other', 'allow_all')
    ),
    paused boolean not null,
    note text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- Without a foreign key, as in step 0006: an admin from outside may have made it, and it outlives whoever did.
    created_by uuid,
    -- Lists are read newest first by it.
    primary key (organization_id, id),
    constraint schedules_workflow_fkey foreign key (organization_id, workflow_id)
        references workflows (organization_id, id),
    constraint schedules_one_spec check (
        (cron is null) = (timezone is null) and (cron is null) <> (every_seconds is null)
    )
);

-- What an organization's workflows may use by name. The value was sealed outside; the key that sealed it is not here.
create table secrets (
    id uuid not null,
    organization_id uuid not null references organizations (id),
    name text not null,
    ciphertext bytea not null,
    -- Names the key that sealed the value.
    key_id text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (organization_id, id),
    constraint secrets_name_key unique (organization_id, name)
);

select protect_tenant_table(name) from unnest(array['schedules', 'secrets']::regclass[]) as name;
grant insert, delete on schedules, secrets to tenantry_application;
-- A schedule stays with its workflow, a secret keeps its name.
grant update (input, cron, timezone, every_seconds, overlap, paused, note, updated_at) on schedules
    to tenantry_application;
grant update (ciphertext, key_id, updated_at) on secrets to tenantry_application;
-- For erasure.
grant delete on schedules, secrets to tenantry_platform;
