create table api_keys (
    id uuid primary key,
    organization_id uuid not null references organizations (id),
    user_id uuid not null,
    name text not null,
    -- SHA-256 of the secret; the secret itself is nowhere.
    secret_hash bytea not null check (length(secret_hash) = 32),
    prefix text not null,
    last_four text not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    constraint api_keys_organization_id_id_key unique (organization_id, id),
    -- Across organizations: it is what finds the organization of whoever presents the secret.
    constraint api_keys_secret_hash_key unique (secret_hash),
    constraint api_keys_user_fkey foreign key (organization_id, user_id)
        references users (organization_id, id) on delete cascade
);

select protect_tenant_table('api_keys');
grant insert on api_keys to tenantry_application;
-- A key's secret never changes hands or owner; only its end is written later.
grant update (revoked_at) on api_keys to tenantry_application;
