-- What ran on own workers has no place in the table as it was. This refuses rather than loses.
alter table executions no force row level security;
do $$
begin
    if exists (select from executions where workflow_type is not null) then
        raise exception 'executions of own workflow types exist; delete them first';
    end if;
end
$$;
alter table executions force row level security;

alter table organizations drop column ends_looked_at, drop column ends_seen;
drop index executions_to_check;
drop index executions_unfinished_own;
drop index executions_unfinished_hosted;
drop index executions_by_temporal_workflow_id;
alter table executions
    drop constraint executions_one_kind,
    drop column tasks,
    drop column checked_at,
    drop column status_reason,
    drop column first_run_id,
    drop column temporal_workflow_id,
    drop column task_queue,
    drop column workflow_type,
    alter column revision set not null,
    alter column workflow_id set not null;
