//! The views, in the dialect of Athena (Trino) and in that of the local engine (DataFusion).
//!
//! The two texts say the same; the difference is how a list becomes rows. Trino does not push predicates on
//! unnested values into the scan, so filter on `recording_id` or `dt` before looking at samples.
//!
//! A view names its columns and never `*`: Athena keeps a view together with the list of its columns, and refuses it as
//! stale where `*` has become another list, which the next new column would do.

use crate::{PARTITION, RECORDINGS, REJECTIONS, Table};

/// A view over the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Name of the view.
    pub name: &'static str,
    /// What one row is.
    pub comment: &'static str,
    /// The query for Athena.
    pub athena: String,
    /// The query for DataFusion.
    pub local: String,
}

/// Names of the views.
pub const VIEW_NAMES: [&str; 3] = ["samples", "current", "unresolved"];

/// Every view, in an order in which they can be made: a view over a view would follow it.
pub fn views() -> [View; 3] {
    let [samples, current, unresolved] = VIEW_NAMES;
    let both = |name, comment, sql: String| View {
        name,
        comment,
        athena: sql.clone(),
        local: sql,
    };
    [
        View {
            name: samples,
            comment: SAMPLES_COMMENT,
            athena: SAMPLES_ATHENA.to_owned(),
            local: SAMPLES_LOCAL.to_owned(),
        },
        both(
            current,
            "The `recordings`, only the newest version of each key.",
            format!("\nSELECT {}\n{CURRENT_FROM}", columns(&RECORDINGS)),
        ),
        both(
            unresolved,
            "The `rejections` without a later success: what still needs somebody's attention.",
            format!("\nSELECT {}\n{UNRESOLVED_FROM}", columns(&REJECTIONS)),
        ),
    ]
}

/// The columns of a table with its partition, as a list for SELECT in lines of a readable length.
fn columns(table: &Table) -> String {
    const LINE: usize = 110;
    let mut text = String::new();
    let mut line = "SELECT".len();
    for name in table.columns.iter().map(|column| column.name).chain([PARTITION]) {
        let item = format!("{}.{name}", table.name);
        if !text.is_empty() {
            text.push(',');
            if line + item.len() + 2 > LINE {
                text.push_str("\n      ");
                line = 6;
            }
            text.push(' ');
        }
        line += item.len() + 2;
        text.push_str(&item);
    }
    text
}

const SAMPLES_COMMENT: &str = "One row per sample: `time_s`, `mv`, whether it was `missing` (and is interpolated), and `ecg_data`, the \
                               min-max normalisation per recording and lead, which is 0 for a flat signal.";

const SAMPLES_ATHENA: &str = "
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
";

const SAMPLES_LOCAL: &str = "
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
";

// S3's sequencer orders the versions of a key; times of events need not. Where a version has none (from a backfill, or a lake
// on one machine), time has to do.
const CURRENT_FROM: &str = "\
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

// A success under older limits resolves nothing: the recording was run again under newer ones, and rejected. Nor does the
// success of a run before it.
const UNRESOLVED_FROM: &str = "\
FROM rejections
WHERE NOT EXISTS (SELECT 1 FROM recordings
                  WHERE recordings.recording_id = rejections.recording_id
                    AND CAST(recordings.rules_version AS INTEGER)
                        >= CAST(coalesce(rejections.rules_version, '0') AS INTEGER)
                    AND coalesce(recordings.run, 0) >= coalesce(rejections.run, 0))
";
