-- What people have noted of recordings: from version 2 to 3. Nothing here comes from a recording, and nothing is computed from it.
create table annotations (
  id           integer primary key autoincrement,   -- never given twice, so that an undo cannot mean another one
  recording_id text not null,
  lead         integer,           -- null: all leads
  start_sample integer not null,  -- in the recording, from 0
  end_sample   integer not null,  -- the last one; that of a beat is its start
  sampling_frequency_hz real not null,
  label        text not null,
  author       text not null,
  created      real not null,
  removed      real               -- null: it stands. An undo sets it, and a second one takes it back
) strict;
create index annotations_by_recording on annotations (recording_id, start_sample);
