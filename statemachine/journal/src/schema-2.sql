-- From version 1 to 2.
alter table executions add column subject text;
alter table executions add column cause_group text;
create index executions_by_subject on executions (subject, started) where subject is not null;
create index executions_by_group on executions (cause_group, started) where cause_group is not null;
create index executions_by_seconds on executions (seconds, status);
create table logs (
  id        integer primary key,
  execution integer not null references executions,
  lines     blob not null
) strict;
create index logs_by_execution on logs (execution, id);
