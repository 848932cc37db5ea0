revoke update (cancel_requested_at) on executions from tenantry_platform;
drop index organizations_unreconciled;
create index organizations_unreconciled on organizations (next_attempt_at) where status in ('provisioning', 'deleting');
alter table organizations drop column settle_due;
drop function hold_rights(boolean, uuid, text, uuid, uuid, uuid, text);
