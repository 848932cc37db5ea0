create table users (
    id uuid primary key,
    organization_id uuid not null references organizations (id),
    kind text not null check (kind in ('human', 'service')),
    email text,
    name text not null,
    role text not null check (role in ('admin', 'manager', 'customer', 'worker')),
    status text not null check (status in ('active', 'disabled')),
    created_at timestamptz not null,
    constraint users_organization_id_id_key unique (organization_id, id),
    constraint users_email_key unique (organization_id, email),
    constraint users_email_folded check (email = lower(email)),
    constraint users_email_of_humans check ((kind = 'human') = (email is not null))
);

select protect_tenant_table('users');
grant insert, delete on users to tenantry_application;
-- A user stays in their organization and keeps their address.
grant update (name, role, status) on users to tenantry_application;
