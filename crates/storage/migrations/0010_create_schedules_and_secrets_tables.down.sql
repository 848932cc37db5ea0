drop table secrets;
drop table schedules;
