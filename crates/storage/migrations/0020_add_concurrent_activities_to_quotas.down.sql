alter table quotas drop column concurrent_activities;
