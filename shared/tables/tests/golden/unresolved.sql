-- The `rejections` without a later success: what still needs somebody's attention.

-- Athena
SELECT rejections.recording_id, rejections.execution, rejections.step, rejections.error, rejections.cause,
       rejections.expected, rejections.found, rejections.offset, rejections.source_bucket,
       rejections.source_key, rejections.source_version, rejections.source_size, rejections.attempts,
       rejections.uploaded_at, rejections.pipeline_version, rejections.rules_version, rejections.run,
       rejections.subject_id, rejections.content_sha256, rejections.dt
FROM rejections
WHERE NOT EXISTS (SELECT 1 FROM recordings
                  WHERE recordings.recording_id = rejections.recording_id
                    AND CAST(recordings.rules_version AS INTEGER)
                        >= CAST(coalesce(rejections.rules_version, '0') AS INTEGER)
                    AND coalesce(recordings.run, 0) >= coalesce(rejections.run, 0))

-- DataFusion
SELECT rejections.recording_id, rejections.execution, rejections.step, rejections.error, rejections.cause,
       rejections.expected, rejections.found, rejections.offset, rejections.source_bucket,
       rejections.source_key, rejections.source_version, rejections.source_size, rejections.attempts,
       rejections.uploaded_at, rejections.pipeline_version, rejections.rules_version, rejections.run,
       rejections.subject_id, rejections.content_sha256, rejections.dt
FROM rejections
WHERE NOT EXISTS (SELECT 1 FROM recordings
                  WHERE recordings.recording_id = rejections.recording_id
                    AND CAST(recordings.rules_version AS INTEGER)
                        >= CAST(coalesce(rejections.rules_version, '0') AS INTEGER)
                    AND coalesce(recordings.run, 0) >= coalesce(rejections.run, 0))
