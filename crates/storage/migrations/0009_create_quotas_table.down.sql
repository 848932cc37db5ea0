drop table quotas;
revoke delete on executions, workflow_revisions, workflows, api_keys, users, audit_entries, audit_heads
    from tenantry_platform;
