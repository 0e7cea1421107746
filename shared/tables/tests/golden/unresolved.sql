-- The `rejections` without a later success: what still needs somebody's attention.

-- Athena
SELECT rejections.*
FROM rejections
WHERE NOT EXISTS (SELECT 1 FROM recordings
                  WHERE recordings.recording_id = rejections.recording_id
                    AND CAST(recordings.rules_version AS INTEGER)
                        >= CAST(coalesce(rejections.rules_version, '0') AS INTEGER)
                    AND coalesce(recordings.run, 0) >= coalesce(rejections.run, 0))

-- DataFusion
SELECT rejections.*
FROM rejections
WHERE NOT EXISTS (SELECT 1 FROM recordings
                  WHERE recordings.recording_id = rejections.recording_id
                    AND CAST(recordings.rules_version AS INTEGER)
                        >= CAST(coalesce(rejections.rules_version, '0') AS INTEGER)
                    AND coalesce(recordings.run, 0) >= coalesce(rejections.run, 0))
