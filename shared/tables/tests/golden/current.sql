-- The `recordings`, only the newest version of each key.

-- Athena
SELECT recordings.recording_id, recordings.record, recordings.fragment, recordings.label,
       recordings.source_bucket, recordings.source_key, recordings.source_version, recordings.source_etag,
       recordings.source_size, recordings.content_sha256, recordings.format, recordings.sampling_frequency_hz,
       recordings.leads, recordings.samples, recordings.duration_s, recordings.gain, recordings.baseline,
       recordings.units, recordings.calibration_source, recordings.missing_samples, recordings.quality,
       recordings.warnings, recordings.heart_rate_bpm, recordings.uploaded_at, recordings.pipeline_version,
       recordings.rules_version, recordings.source_sequencer, recordings.lead_names, recordings.lead_gains,
       recordings.lead_baselines, recordings.beats, recordings.run, recordings.recipe_version,
       recordings.subject_id, recordings.device_id, recordings.recorded_at, recordings.age, recordings.sex,
       recordings.dt
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
SELECT recordings.recording_id, recordings.record, recordings.fragment, recordings.label,
       recordings.source_bucket, recordings.source_key, recordings.source_version, recordings.source_etag,
       recordings.source_size, recordings.content_sha256, recordings.format, recordings.sampling_frequency_hz,
       recordings.leads, recordings.samples, recordings.duration_s, recordings.gain, recordings.baseline,
       recordings.units, recordings.calibration_source, recordings.missing_samples, recordings.quality,
       recordings.warnings, recordings.heart_rate_bpm, recordings.uploaded_at, recordings.pipeline_version,
       recordings.rules_version, recordings.source_sequencer, recordings.lead_names, recordings.lead_gains,
       recordings.lead_baselines, recordings.beats, recordings.run, recordings.recipe_version,
       recordings.subject_id, recordings.device_id, recordings.recorded_at, recordings.age, recordings.sex,
       recordings.dt
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
