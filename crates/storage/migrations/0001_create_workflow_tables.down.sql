drop table executions;
drop table workflow_revisions;
drop table workflows;
