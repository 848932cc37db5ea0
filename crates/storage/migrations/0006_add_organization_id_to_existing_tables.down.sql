-- Only the system organization's rows can live without tenancy: a name that two organizations use, or one that another
-- organization owns, would mean something else to whoever reads it then. So this refuses rather than loses.
alter table workflows no force row level security;
alter table organizations no force row level security;
do $$
begin
    if exists (select from workflows join organizations on organizations.id = organization_id where not is_system) then
        raise exception 'workflows of organizations other than the system organization exist; delete them first';
    end if;
end
$$;
alter table organizations force row level security;

drop policy tenant on executions;
drop policy platform on executions;
drop policy tenant on workflow_revisions;
drop policy platform on workflow_revisions;
drop policy tenant on workflows;
drop policy platform on workflows;
revoke all on workflows, workflow_revisions, executions from tenantry_application, tenantry_platform;

alter table executions
    no force row level security,
    disable row level security,
    drop constraint executions_workflow_fkey,
    drop constraint executions_pkey,
    drop column organization_id,
    drop column cancel_requested_at,
    drop column cancel_sent_at,
    add constraint executions_pkey primary key (id);

alter table workflow_revisions
    no force row level security,
    disable row level security,
    drop constraint workflow_revisions_workflow_fkey,
    drop constraint workflow_revisions_pkey,
    drop column organization_id,
    add constraint workflow_revisions_pkey primary key (workflow_id, revision),
    add constraint workflow_revisions_workflow_id_fkey foreign key (workflow_id) references workflows (id);

alter table workflows
    disable row level security,
    drop constraint workflows_name_key,
    drop column organization_id,
    add constraint workflows_name_key unique (name);

alter table executions add constraint executions_workflow_fkey foreign key (workflow_id, revision)
    references workflow_revisions (workflow_id, revision);
