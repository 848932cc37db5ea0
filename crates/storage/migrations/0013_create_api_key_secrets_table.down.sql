grant execute on function hold_rights(boolean, uuid, text, uuid, uuid, uuid, text) to tenantry_application;
drop function hold_rights(boolean, uuid, text, uuid, uuid, uuid, text, uuid, integer);

drop index api_keys_expiring;
revoke update (name, expires_at) on api_keys from tenantry_application;

alter table api_keys add column secret_hash bytea, add column prefix text, add column last_four text;
alter table api_keys no force row level security;
alter table api_key_secrets no force row level security;
-- A key keeps its newest secret.
update api_keys set secret_hash = newest.secret_hash, prefix = newest.prefix, last_four = newest.last_four
from (
    select distinct on (api_key_id) * from api_key_secrets order by api_key_id, created_at desc, id desc
) as newest
where newest.api_key_id = api_keys.id;
-- A limit cannot be kept. Rather than do without it, the key ends.
update api_keys set revoked_at = now() where revoked_at is null and (scopes is not null or allowed_cidrs is not null);
alter table api_keys force row level security;

alter table api_keys
    alter column secret_hash set not null,
    alter column prefix set not null,
    alter column last_four set not null,
    add constraint api_keys_secret_hash_check check (length(secret_hash) = 32),
    add constraint api_keys_secret_hash_key unique (secret_hash),
    drop constraint api_keys_rate_limit,
    drop column scopes,
    drop column allowed_cidrs,
    drop column rate_limit_requests,
    drop column rate_limit_per_seconds,
    drop column revision,
    drop column rotated_at;
drop table api_key_secrets;
