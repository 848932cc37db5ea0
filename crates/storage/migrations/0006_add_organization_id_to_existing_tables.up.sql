-- What was there before tenancy belongs to the system organization.

alter table workflows add column organization_id uuid references organizations (id);
alter table workflow_revisions add column organization_id uuid references organizations (id);
alter table executions add column organization_id uuid references organizations (id);
-- The intent to stop an execution, and when Temporal heard of it.
alter table executions add column cancel_requested_at timestamptz, add column cancel_sent_at timestamptz;

-- Row-level security is forced on organizations, for the owner too: step aside for one statement.
alter table organizations no force row level security;
update workflows set organization_id = (select id from organizations where is_system);
update workflow_revisions set organization_id = (select id from organizations where is_system);
update executions set organization_id = (select id from organizations where is_system);
alter table organizations force row level security;

alter table workflows
    alter column organization_id set not null,
    drop constraint workflows_name_key,
    add constraint workflows_name_key unique (organization_id, name),
    add constraint workflows_organization_id_id_key unique (organization_id, id);

alter table executions drop constraint executions_workflow_fkey;

-- created_by and started_by stay without a foreign key: an admin from outside may be either, and both outlive whoever
-- they name.
alter table workflow_revisions
    alter column organization_id set not null,
    drop constraint workflow_revisions_workflow_id_fkey,
    drop constraint workflow_revisions_pkey,
    add constraint workflow_revisions_pkey primary key (organization_id, workflow_id, revision),
    add constraint workflow_revisions_workflow_fkey foreign key (organization_id, workflow_id)
        references workflows (organization_id, id);

alter table executions
    alter column organization_id set not null,
    -- An execution's id may be chosen by whoever starts it. If it had to be unique across organizations, a refusal would
    -- tell one of them what another has.
    drop constraint executions_pkey,
    add constraint executions_pkey primary key (organization_id, id),
    add constraint executions_workflow_fkey foreign key (organization_id, workflow_id, revision)
        references workflow_revisions (organization_id, workflow_id, revision);

select protect_tenant_table(name) from unnest(array['workflows', 'workflow_revisions', 'executions']::regclass[]) as name;
grant insert on workflows, workflow_revisions, executions to tenantry_application;
grant update (run_id, status, output, error, ended_at, cancel_requested_at, cancel_sent_at) on executions to tenantry_application;
