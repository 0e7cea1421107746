//! The views, in the dialect of Athena (Trino) and in that of the local engine (DataFusion).
//!
//! The two texts say the same; the difference is how a list becomes rows. Trino does not push predicates on
//! unnested values into the scan, so filter on `recording_id` or `dt` before looking at samples.

/// A view over the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Name of the view.
    pub name: &'static str,
    /// What one row is.
    pub comment: &'static str,
    /// The query for Athena.
    pub athena: &'static str,
    /// The query for DataFusion.
    pub local: &'static str,
}

/// Every view.
pub const VIEWS: [View; 3] = [SAMPLES, CURRENT, UNRESOLVED];

const SAMPLES: View = View {
    name: "samples",
    comment: "One row per sample: `time_s`, `mv`, whether it was `missing` (and is interpolated), and `ecg_data`, the \
              min-max normalisation per recording and lead, which is 0 for a flat signal.",
    athena: "
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
",
    local: "
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
",
};

const CURRENT: View = View {
    name: "current",
    comment: "The `recordings`, only the newest version of each key.",
    athena: CURRENT_SQL,
    local: CURRENT_SQL,
};

// S3's sequencer orders the versions of a key; times of events need not. Where a version has none (from a backfill, or a lake
// on one machine), time has to do.
const CURRENT_SQL: &str = "
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
";

const UNRESOLVED: View = View {
    name: "unresolved",
    comment: "The `rejections` without a later success: what still needs somebody's attention.",
    athena: UNRESOLVED_SQL,
    local: UNRESOLVED_SQL,
};

// A success under older limits resolves nothing: the recording was run again under newer ones, and rejected. Nor does the
// success of a run before it.
const UNRESOLVED_SQL: &str = "
SELECT rejections.*
FROM rejections
WHERE NOT EXISTS (SELECT 1 FROM recordings
                  WHERE recordings.recording_id = rejections.recording_id
                    AND CAST(recordings.rules_version AS INTEGER)
                        >= CAST(coalesce(rejections.rules_version, '0') AS INTEGER)
                    AND coalesce(recordings.run, 0) >= coalesce(rejections.run, 0))
";
