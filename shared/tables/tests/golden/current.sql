-- The `recordings`, only the newest version of each key.

-- Athena
SELECT recordings.*
FROM recordings
JOIN (SELECT recording_id AS newest_id,
             row_number() OVER (PARTITION BY source_bucket, source_key
                                ORDER BY CASE WHEN ordered THEN sequencer END DESC,
                                         uploaded_at DESC,
                                         sequencer DESC,
                                         recording_id DESC) AS age
      FROM (SELECT recording_id, source_bucket, source_key, uploaded_at,
                   rpad(coalesce(source_sequencer, ''), 64, '0') AS sequencer,
                   count(source_sequencer) OVER (PARTITION BY source_bucket, source_key)
                       = count(*) OVER (PARTITION BY source_bucket, source_key) AS ordered
            FROM recordings) versions) newest
  ON newest.newest_id = recordings.recording_id AND newest.age = 1

-- DataFusion
SELECT recordings.*
FROM recordings
JOIN (SELECT recording_id AS newest_id,
             row_number() OVER (PARTITION BY source_bucket, source_key
                                ORDER BY CASE WHEN ordered THEN sequencer END DESC,
                                         uploaded_at DESC,
                                         sequencer DESC,
                                         recording_id DESC) AS age
      FROM (SELECT recording_id, source_bucket, source_key, uploaded_at,
                   rpad(coalesce(source_sequencer, ''), 64, '0') AS sequencer,
                   count(source_sequencer) OVER (PARTITION BY source_bucket, source_key)
                       = count(*) OVER (PARTITION BY source_bucket, source_key) AS ordered
            FROM recordings) versions) newest
  ON newest.newest_id = recordings.recording_id AND newest.age = 1
