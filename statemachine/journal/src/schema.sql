-- The journal of a lake. Times are seconds since 1970-01-01T00:00:00Z. JSON is text; what may be large is compressed.
-- This is version 1. schema-2.sql and annotations.sql follow, in a new journal too.

-- One row an execution. `id` grows in the order in which they were begun.
create table executions (
  id           integer primary key,
  name         text not null unique,
  recording_id text not null,
  run          integer not null,  -- 0, then the number of the rerun
  key          text not null,     -- of the upload
  version      text not null,     -- of the upload
  file         blob not null,     -- the path that was uploaded, links resolved, in the bytes of the system
  input        text not null,     -- JSON
  started      real,              -- time of the first event
  seconds      real not null default 0,     -- spent at work: waiting for a redrive is none
  redrives     integer not null default 0,
  step         text,              -- the task state that was entered last before the failure branch
  status       text,              -- null: open
  error        text,
  cause        text,
  output       text,              -- JSON
  label        text,              -- of the recording, as the verdict has it
  notification text,              -- what people were told of its failure
  -- The start of the machine in which it was written, until its objects are known to be on disk; then null.
  boot         text,
  kept         integer not null default 0   -- 1 once its objects were on disk
) strict;

create unique index executions_by_recording on executions (recording_id, run);
create index executions_by_start on executions (started);
create index executions_by_status on executions (status, started);
create index executions_by_step on executions (step, started) where step is not null;
create index executions_by_error on executions (error, started) where error is not null;
create index executions_by_label on executions (label, started) where label is not null;
create index executions_by_key on executions (key, started);
create index executions_by_file on executions (file);
create index executions_not_on_disk on executions (id) where boot is not null;

-- The history, some events a row: a stream of events in the JSON of GetExecutionHistory, compressed with zstd.
create table history (
  id        integer primary key,
  execution integer not null references executions,
  events    blob not null
) strict;
create index history_by_execution on history (execution, id);

-- Where each state was last entered, as JSON. Those of an execution that succeeded are gone.
create table checkpoints (
  execution integer not null references executions,
  state     text not null,
  last_event integer not null,    -- the newest checkpoint has the largest
  checkpoint text not null,
  primary key (execution, state)
) strict, without rowid;
