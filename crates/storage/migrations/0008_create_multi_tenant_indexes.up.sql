-- Lists are read newest first by (organization_id, id), for which the unique constraints serve already.
create index api_keys_by_user on api_keys (organization_id, user_id, id);
create index audit_entries_by_organization on audit_entries (organization_id, id);
create index executions_by_workflow on executions (organization_id, workflow_id, id);
create index executions_by_status on executions (organization_id, status, id);
-- What the reconciler looks for, over all organizations: small, because most executions have ended.
create index executions_unfinished on executions (organization_id, status) where status in ('pending', 'running');
create index organizations_unprovisioned on organizations (next_attempt_at) where status = 'provisioning';
