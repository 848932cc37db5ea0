-- Organizations as on a busy deployment: many, twenty of them at work, their rows mixed as they come in time.
insert into organizations (id, slug, name, status, namespace, next_attempt_at, created_at, updated_at)
select gen_random_uuid(), 'org-' || n, 'Organization', 'active', 'org-' || n, now(), now(), now()
from generate_series(1, 2000) as n;

create temporary table busy as
select id as organization_id from organizations where slug in (select 'org-' || n from generate_series(1, 20) as n);

insert into users (id, organization_id, kind, email, name, role, status, created_at)
select gen_random_uuid(), organization_id, 'human', n || '@example.com', 'Somebody', 'customer', 'active', now()
from generate_series(1, 1000) as n cross join busy order by n;

insert into api_keys (id, organization_id, user_id, name, created_at, expires_at)
select gen_random_uuid(), organization_id, id, 'key', now(), case when n = 3 then now() + random() * interval '1 year' end
from generate_series(1, 3) as n cross join users order by n;

insert into api_key_secrets (id, organization_id, api_key_id, secret_hash, prefix, last_four, created_at)
select id, organization_id, id, sha256(id::text::bytea), 'tn_aaaa', 'aaaa', now() from api_keys;

insert into workflows (id, organization_id, name, created_at)
select gen_random_uuid(), organization_id, 'workflow-' || n, now()
from generate_series(1, 500) as n cross join busy order by n;

insert into workflow_revisions
    (organization_id, workflow_id, revision, document_version, digest, definition, created_at)
select organization_id, id, n, '1.0.0', 'd', '{}', now() from generate_series(1, 3) as n cross join workflows order by n;

insert into executions
    (id, organization_id, workflow_id, revision, status, input, started_at, cancel_requested_at)
select gen_random_uuid(), organization_id, id, 1, case when n = 3 and name like '%99' then 'failed' else 'completed' end,
       '{}', now() - interval '1 hour' * n - interval '1 second' * substr(name, 10)::integer, null
from generate_series(1, 6) as n cross join workflows order by n;

-- The chain would be computed for each row.
alter table audit_entries disable trigger chain;
insert into audit_entries
    (id, organization_id, sequence, at, actor_user_id, action, resource_type, resource_id, outcome, previous_hash, hash)
select gen_random_uuid(), organization_id, row_number() over (partition by organization_id order by n, id),
       now() - interval '1 hour' * n - interval '1 second' * substr(email, 1, position('@' in email) - 1)::integer, id,
       case when n = 3 and email like '%99@%' then 'user.update' else 'execution.start' end, 'user', 'usr_' || id, 'ok', '', ''
from generate_series(1, 3) as n cross join users order by n;
alter table audit_entries enable trigger chain;

insert into schedules
    (id, organization_id, workflow_id, input, every_seconds, overlap, paused, note, created_at, updated_at)
select gen_random_uuid(), organization_id, id, '{}', 60, 'skip', false, '', now(), now()
from generate_series(1, 2) as n cross join workflows order by n;

insert into secrets (id, organization_id, name, ciphertext, key_id, created_at, updated_at)
select gen_random_uuid(), organization_id, 'SECRET_' || n, 'sealed', 'first', now(), now()
from generate_series(1, 500) as n cross join busy order by n;

insert into idempotency_keys (organization_id, api_key_id, key_hash, request_hash, id, claimed_at, answer)
select organization_id, id, sha256(id::text::bytea), sha256('request'), gen_random_uuid(), now() - random() * interval '1 day', 'sealed'
from api_keys;

insert into quotas (organization_id, users) select id, 10 from organizations;

analyze;
