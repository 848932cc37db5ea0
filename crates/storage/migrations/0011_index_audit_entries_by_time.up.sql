-- A log is also read from or up to a moment. Without this, a look at a week of long ago reads all that came after it.
create index audit_entries_by_time on audit_entries (organization_id, at);
