-- Lists are read newest first by (organization_id, id), for which the unique constraints serve already.
create index api_keys_by_user on api_keys (organization_id, user_id, id);
create index audit_entries_by_id on audit_entries (organization_id, id);
create index audit_entries_by_action on audit_entries (organization_id, action, id);
create index audit_entries_by_actor on audit_entries (organization_id, actor_user_id, id);
create index audit_entries_by_resource on audit_entries (organization_id, resource_id, id);
-- Admins read the logs of all organizations together.
create index audit_entries_of_all on audit_entries (id);
create index executions_by_workflow on executions (organization_id, workflow_id, id);
create index executions_by_start on executions (organization_id, started_at);
create index executions_by_status on executions (organization_id, status, id);
-- What the reconciler looks for, over all organizations: small, because most executions have ended.
create index executions_unfinished on executions (organization_id, status) where status in ('pending', 'running');
create index executions_to_cancel on executions (organization_id)
    where status in ('pending', 'running') and cancel_requested_at is not null;
create index organizations_unreconciled on organizations (next_attempt_at) where status in ('provisioning', 'deleting');
