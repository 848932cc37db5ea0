drop trigger announce on organizations;
drop trigger announce on quotas;
drop trigger announce_change on api_keys;
drop trigger announce_end on api_keys;
drop trigger announce on users;
drop function announce_rights();
