-- Requests that are to be answered once, by what their senders call them. The answer is sealed with the secret of the API key that asked, so
-- nobody who reads this table reads what was shown only once.

create table idempotency_keys (
    organization_id uuid not null references organizations (id),
    api_key_id uuid not null,
    -- SHA-256 of what the sender calls the request.
    key_hash bytea not null check (length(key_hash) = 32),
    -- SHA-256 of the request itself.
    request_hash bytea not null check (length(request_hash) = 32),
    -- What an execution that the request starts is called: a second attempt, after a crash, starts the same.
    id uuid not null,
    claimed_at timestamptz not null,
    -- Absent while the request is in hand.
    answer bytea,
    primary key (organization_id, api_key_id, key_hash),
    constraint idempotency_keys_api_key_fkey foreign key (organization_id, api_key_id)
        references api_keys (organization_id, id) on delete cascade
);
-- What is old is found by it, whoever's it is.
create index idempotency_keys_by_age on idempotency_keys (claimed_at);

select protect_tenant_table('idempotency_keys');
grant insert, delete on idempotency_keys to tenantry_application;
grant update (request_hash, id, claimed_at, answer) on idempotency_keys to tenantry_application;
grant delete on idempotency_keys to tenantry_platform;
