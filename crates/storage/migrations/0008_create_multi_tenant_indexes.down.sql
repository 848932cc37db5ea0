drop index organizations_unprovisioned;
drop index executions_unfinished;
drop index executions_by_status;
drop index executions_by_workflow;
drop index audit_entries_by_organization;
drop index api_keys_by_user;
