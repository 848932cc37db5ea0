-- A workflow that was deleted stays for what ran it, and for whoever uses its name again: its revisions go on.
alter table workflows
    -- The first revision that there is for whoever asks; those before it are kept for what ran them. Null when the workflow was deleted.
    add column first_revision integer default 1 check (first_revision >= 1);

-- Lists are read newest first by it, however many were deleted.
create index workflows_there on workflows (organization_id, id) where first_revision is not null;

-- It is also the right to keep a workflow from being deleted while a schedule of it is made.
grant update (first_revision) on workflows to tenantry_application;
