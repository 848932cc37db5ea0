drop index organizations_to_look_at;
alter table organizations drop column drifted;
alter table organizations drop column next_look_at;
