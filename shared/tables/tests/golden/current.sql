-- The `recordings`, only the newest version of each key.

-- Athena
SELECT recordings.*
FROM recordings
JOIN (SELECT recording_id AS newest_id,
             row_number() OVER (PARTITION BY source_bucket, source_key
                                ORDER BY uploaded_at DESC,
                                         rpad(coalesce(source_sequencer, ''), 64, '0') DESC,
                                         recording_id DESC) AS age
      FROM recordings) newest
  ON newest.newest_id = recordings.recording_id AND newest.age = 1

-- DataFusion
SELECT recordings.*
FROM recordings
JOIN (SELECT recording_id AS newest_id,
             row_number() OVER (PARTITION BY source_bucket, source_key
                                ORDER BY uploaded_at DESC,
                                         rpad(coalesce(source_sequencer, ''), 64, '0') DESC,
                                         recording_id DESC) AS age
      FROM recordings) newest
  ON newest.newest_id = recordings.recording_id AND newest.age = 1
