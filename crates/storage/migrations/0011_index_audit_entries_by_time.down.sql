drop index audit_entries_by_time;
