-- When the reconciler is to look whether an organization's namespace is still as it should be. They are spread over the ten minutes between
-- two looks, so that many organizations make no burst.
alter table organizations add column next_look_at timestamptz not null default now() + random() * interval '10 minutes';
-- Somebody has changed the namespace behind the reconciler's back: what settles it is a repair, and is recorded.
alter table organizations add column drifted boolean not null default false;

create index organizations_to_look_at on organizations (next_look_at) where status = 'active';
