-- The server's nodes, which share rate limits among themselves. Nobody's data: only the platform sees it.
create table nodes (
    id uuid primary key,
    seen_at timestamptz not null
);
grant select, insert, update, delete on nodes to tenantry_platform;
