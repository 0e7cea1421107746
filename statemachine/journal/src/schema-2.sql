-- From version 1 to 2.
-- Who was recorded, as the verdict has it; personal data.
alter table executions add column subject text;
-- What failures of one cause have in common, as the digest in Slack names it.
alter table executions add column cause_group text;
create index executions_by_subject on executions (subject, started) where subject is not null;
create index executions_by_group on executions (cause_group, started) where cause_group is not null;
create index executions_by_seconds on executions (seconds, status);

-- What the steps logged, some lines a row: JSON objects, one a line, compressed with zstd.
create table logs (
  id        integer primary key,
  execution integer not null references executions,
  lines     blob not null
) strict;
create index logs_by_execution on logs (execution, id);
