-- An execution runs a definition, on the hosted worker, or a workflow type of the organization's own workers.

alter table executions
    alter column workflow_id drop not null,
    alter column revision drop not null,
    add column workflow_type text,
    add column task_queue text,
    -- What it is called in Temporal, if whoever started it has chosen that; otherwise the text of its own id.
    add column temporal_workflow_id text,
    -- Those that follow it tell by it that they are the same execution: a workflow may continue as a new run.
    add column first_run_id text,
    -- What there is to say about the status.
    add column status_reason text,
    -- When Temporal was last asked about one that runs.
    add column checked_at timestamptz,
    -- The states of a definition's tasks, once it has ended: a list of at most 1,000, which the code keeps below 256 KiB.
    add column tasks json,
    add constraint executions_one_kind check (
        num_nonnulls(workflow_id, revision) = 2
            and num_nonnulls(workflow_type, task_queue, temporal_workflow_id) = 0
        or num_nonnulls(workflow_id, revision) = 0 and num_nonnulls(workflow_type, task_queue) = 2
    );

-- A name that somebody chose names one execution for ever, ended or not: a start that is repeated at any time is the first one.
create unique index executions_by_temporal_workflow_id on executions (organization_id, temporal_workflow_id)
    where temporal_workflow_id is not null;
-- Who needs a hosted worker, and whose ends nobody reports.
create index executions_unfinished_hosted on executions (organization_id)
    where status in ('pending', 'running') and workflow_type is null;
create index executions_unfinished_own on executions (organization_id)
    where status in ('pending', 'running') and workflow_type is not null;
-- Those that run, by when Temporal was last asked.
create index executions_to_check on executions (organization_id, checked_at) where status = 'running';

-- Row-level security is forced, for the owner too: step aside for one statement.
alter table executions no force row level security;
update executions set first_run_id = run_id, checked_at = started_at where status = 'running';
alter table executions force row level security;

grant update (first_run_id, status_reason, checked_at, tasks) on executions to tenantry_application;

alter table organizations
    -- When Temporal was last asked what has ended in the namespace, and the latest end that it told.
    add column ends_looked_at timestamptz,
    add column ends_seen timestamptz;
