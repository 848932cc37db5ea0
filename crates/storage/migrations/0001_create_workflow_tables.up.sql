-- Workflows before tenancy: one list for the whole deployment. Step 0006 gives each row its organization.

create table workflows (
    id uuid primary key,
    name text not null,
    created_at timestamptz not null,
    constraint workflows_name_key unique (name)
);

create table workflow_revisions (
    workflow_id uuid not null references workflows (id),
    revision integer not null check (revision >= 1),
    document_version text not null,
    digest text not null,
    -- json, not jsonb: what comes back has its keys in the order of the upload.
    definition json not null,
    created_at timestamptz not null,
    created_by uuid,
    primary key (workflow_id, revision)
);

create table executions (
    id uuid primary key,
    workflow_id uuid not null,
    revision integer not null,
    run_id text,
    status text not null check (
        status in ('pending', 'running', 'completed', 'failed', 'canceled', 'terminated', 'timed_out')
    ),
    input json not null,
    output json,
    error json,
    started_at timestamptz not null,
    ended_at timestamptz,
    started_by uuid,
    constraint executions_workflow_fkey foreign key (workflow_id, revision)
        references workflow_revisions (workflow_id, revision)
);
