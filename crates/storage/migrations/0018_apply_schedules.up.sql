-- A schedule's row is the wish; Temporal is brought to it, again and again until it is there.
alter table schedules
    -- Temporal's CalendarSpec: an object of texts, in a time zone.
    add column calendar jsonb,
    add column jitter_seconds integer not null default 0 check (jitter_seconds >= 0),
    add column catchup_window_seconds integer not null default 86400 check (catchup_window_seconds >= 10),
    -- Grows with each change of what Temporal is to have; and what it was when Temporal was last told.
    add column generation integer not null default 1,
    add column applied_generation integer not null default 0,
    -- Whoever brings Temporal to it puts this off, so that nobody else does meanwhile.
    add column next_attempt_at timestamptz not null default now(),
    -- When a hosted worker is needed next; until somebody has looked what came of it.
    add column next_run_at timestamptz,
    -- The same for whoever looks.
    add column next_look_at timestamptz not null default now(),
    -- It does not exist any more, but for Temporal.
    add column deleted_at timestamptz,
    drop constraint schedules_one_spec,
    add constraint schedules_one_spec check (
        num_nonnulls(cron, calendar, every_seconds) = 1 and (timezone is null) = (every_seconds is not null)
    );

-- Over all organizations, for the reconciler: small, because most schedules are applied.
create index schedules_to_apply on schedules (next_attempt_at) where applied_generation <> generation;
create index schedules_due on schedules (next_run_at) where next_run_at is not null;

grant update (calendar, jitter_seconds, catchup_window_seconds, generation, applied_generation, next_attempt_at,
    next_run_at, next_look_at, deleted_at) on schedules to tenantry_application;
-- For a change of the organization's status, and to take what is to be applied or looked at.
grant update (generation, next_attempt_at, next_look_at) on schedules to tenantry_platform;

-- What started an execution, if not somebody. Without a foreign key: it outlives the schedule.
alter table executions
    add column schedule_id uuid,
    drop constraint executions_one_kind,
    -- Temporal names what a schedule starts.
    add constraint executions_one_kind check (
        num_nonnulls(workflow_id, revision) = 2
            and num_nonnulls(workflow_type, task_queue) = 0
            and (temporal_workflow_id is null) = (schedule_id is null)
        or num_nonnulls(workflow_id, revision, schedule_id) = 0 and num_nonnulls(workflow_type, task_queue) = 2
    );

-- Two runs of a schedule may have one name: a span of time that was backfilled may be so again.
drop index executions_by_temporal_workflow_id;
create unique index executions_by_temporal_workflow_id on executions (organization_id, temporal_workflow_id)
    where temporal_workflow_id is not null and schedule_id is null;
create unique index executions_by_scheduled_run on executions (organization_id, temporal_workflow_id, first_run_id)
    where schedule_id is not null;
create index executions_by_schedule on executions (organization_id, schedule_id, id) where schedule_id is not null;
