-- How many activities of definitions an organization may have under way; the default where it is null.
alter table quotas add column concurrent_activities integer;
