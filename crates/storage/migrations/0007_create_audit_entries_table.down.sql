drop table audit_heads cascade;
drop table audit_entries cascade;
drop function if exists chain_audit_entry();
drop function if exists audit_entry_hash;
