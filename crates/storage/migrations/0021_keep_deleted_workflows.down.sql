-- The table as it was has no place for a deletion: what nothing has run goes for good, and what executions refer to is there again.
revoke update on workflows from tenantry_application;
drop index workflows_there;

-- Row-level security is forced, for the owner too: step aside for the statements.
alter table workflows no force row level security;
alter table workflow_revisions no force row level security;
alter table executions no force row level security;
alter table schedules no force row level security;
create temporary table gone on commit drop as
    select organization_id, id from workflows
    where first_revision is null
        and not exists (
            select from executions
            where executions.organization_id = workflows.organization_id and executions.workflow_id = workflows.id
        )
        and not exists (
            select from schedules
            where schedules.organization_id = workflows.organization_id and schedules.workflow_id = workflows.id
        );
delete from workflow_revisions where (organization_id, workflow_id) in (select organization_id, id from gone);
delete from workflows where (organization_id, id) in (select organization_id, id from gone);
alter table schedules force row level security;
alter table executions force row level security;
alter table workflow_revisions force row level security;
alter table workflows force row level security;

alter table workflows drop column first_revision;
