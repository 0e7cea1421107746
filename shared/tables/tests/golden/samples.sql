-- One row per sample: `time_s`, `mv`, whether it was `missing` (and is interpolated), and `ecg_data`, the min-max normalisation per recording and lead, which is 0 for a flat signal.

-- Athena
SELECT s.recording_id, s.lead, s.lead_name, s.segment, s.label,
       s.start_sample + u.position - 1 AS sample,
       (s.start_sample + u.position - 1) / s.sampling_frequency_hz AS time_s,
       u.value AS mv,
       contains(s.missing_at, CAST(u.position - 1 AS integer)) AS missing,
       CASE WHEN r.max_mv > r.min_mv
            THEN (CAST(u.value AS double) - r.min_mv) / (CAST(r.max_mv AS double) - r.min_mv)
            ELSE 0.0 END AS ecg_data,
       s.dt
FROM segments s
JOIN (SELECT dt, recording_id, lead, min(min_mv) AS min_mv, max(max_mv) AS max_mv
      FROM segments GROUP BY dt, recording_id, lead) r
  ON r.dt = s.dt AND r.recording_id = s.recording_id AND r.lead = s.lead
CROSS JOIN UNNEST(s.mv) WITH ORDINALITY AS u (value, position)

-- DataFusion
SELECT u.recording_id, u.lead, u.lead_name, u.segment, u.label,
       u.start_sample + u.position - 1 AS sample,
       (u.start_sample + u.position - 1) / u.sampling_frequency_hz AS time_s,
       u.value AS mv,
       array_has(u.missing_at, CAST(u.position - 1 AS INT)) AS missing,
       CASE WHEN u.max_mv > u.min_mv
            THEN (CAST(u.value AS DOUBLE) - u.min_mv) / (CAST(u.max_mv AS DOUBLE) - u.min_mv)
            ELSE 0.0 END AS ecg_data,
       u.dt
FROM (SELECT s.recording_id, s.lead, s.lead_name, s.segment, s.label, s.start_sample, s.sampling_frequency_hz,
             s.missing_at, s.dt, r.min_mv, r.max_mv,
             unnest(s.mv) AS value, unnest(range(1, CAST(s.samples AS BIGINT) + 1)) AS position
      FROM segments s
      JOIN (SELECT dt, recording_id, lead, min(min_mv) AS min_mv, max(max_mv) AS max_mv
            FROM segments GROUP BY dt, recording_id, lead) r
        ON r.dt = s.dt AND r.recording_id = s.recording_id AND r.lead = s.lead) u
