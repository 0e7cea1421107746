//! The tables themselves.

use crate::column::{Column, ErasedBy, Kind, Table};

/// Every table.
pub const TABLES: [&Table; 5] = [&RECORDINGS, &SEGMENTS, &BEATS, &WINDOWS, &REJECTIONS];

const fn must(name: &'static str, kind: Kind, comment: &'static str) -> Column {
    Column {
        name,
        kind,
        nullable: false,
        comment,
    }
}

const fn may(name: &'static str, kind: Kind, comment: &'static str) -> Column {
    Column {
        name,
        kind,
        nullable: true,
        comment,
    }
}

const RECORDING_ID: Column = must(
    "recording_id",
    Kind::Text,
    "id of the recording: readable tail of the key, then a hash of bucket, key and version; also the execution's name",
);

const RUN: Column = may(
    "run",
    Kind::Int,
    "number of the deliberate rerun that wrote the row; 0 for the first run",
);

/// One row per accepted recording.
pub const RECORDINGS: Table = Table {
    name: "recordings",
    comment: "One row per accepted recording (one version of one uploaded object).",
    columns: &[
        RECORDING_ID,
        may(
            "record",
            Kind::Text,
            "record name, from the key (dataset profile) or the WFDB header",
        ),
        may(
            "fragment",
            Kind::Int,
            "number of the fragment within the record, from the key (dataset profile)",
        ),
        may(
            "label",
            Kind::Text,
            "class of the recording, from the key (dataset profile)",
        ),
        must("source_bucket", Kind::Text, "bucket of the upload"),
        must("source_key", Kind::Text, "key of the upload"),
        must(
            "source_version",
            Kind::Text,
            "version id of the object, else its ETag; locally the MD5 of the content",
        ),
        must("source_etag", Kind::Text, "ETag of the object"),
        must("source_size", Kind::BigInt, "size of the object in bytes"),
        must(
            "content_sha256",
            Kind::Text,
            "SHA-256 of the object's bytes in hexadecimal; equal for identical uploads",
        ),
        must(
            "format",
            Kind::Text,
            "file format found in the bytes, such as MAT level 4",
        ),
        must("sampling_frequency_hz", Kind::Double, "sampling frequency in Hz"),
        must("leads", Kind::Int, "number of leads"),
        must("samples", Kind::BigInt, "samples per lead"),
        must(
            "duration_s",
            Kind::Double,
            "samples / sampling_frequency_hz, in seconds",
        ),
        must(
            "gain",
            Kind::Double,
            "ADC gain of the first lead in adu per mV; mv = (adu - baseline) / gain",
        ),
        must(
            "baseline",
            Kind::Double,
            "ADC value at 0 mV of the first lead, in adu",
        ),
        must(
            "units",
            Kind::Text,
            "physical unit that the gain was given in, before conversion to mV",
        ),
        must(
            "calibration_source",
            Kind::Text,
            "where the calibration came from: header, variables, metadata or profile:<name>; flags (or flags, header and so on) where a person said part of it",
        ),
        must(
            "missing_samples",
            Kind::BigInt,
            "samples that were NaN, infinite or the WFDB sentinel -32768, over all leads",
        ),
        must(
            "quality",
            Kind::Text,
            "good, or warn where any segment has a warning",
        ),
        must(
            "warnings",
            Kind::Texts,
            "names of the warnings of all segments, each once, sorted",
        ),
        may(
            "heart_rate_bpm",
            Kind::Double,
            "mean heart rate of the first lead over the whole recording: 60000 / mean of rr_ms of its beats, in beats per minute",
        ),
        must(
            "uploaded_at",
            Kind::Timestamp,
            "time of the upload, UTC; locally the file's modification time",
        ),
        must(
            "pipeline_version",
            Kind::Text,
            "version of the pipeline that wrote the row and the commit that it was built from, such as 0.3.0+g1a2b3c4",
        ),
        must("rules_version", Kind::Text, "version of the table of limits"),
        may(
            "source_sequencer",
            Kind::Text,
            "orders the versions of one key, where the event had it: pad with zeros on the right, compare as text",
        ),
        must(
            "lead_names",
            Kind::Texts,
            "name of each lead, such as MLII; lead N where the file does not say",
        ),
        must("lead_gains", Kind::Doubles, "ADC gain of each lead in adu per mV"),
        must(
            "lead_baselines",
            Kind::Doubles,
            "ADC value at 0 mV of each lead, in adu",
        ),
        must("beats", Kind::BigInt, "beats found in the first lead"),
        RUN,
        may(
            "recipe_version",
            Kind::Int,
            "number of the recipe that computed the row and those of its segments, beats and windows; null in rows of recipe 1",
        ),
        may(
            "subject_id",
            Kind::Text,
            "who was recorded, as the header, file, object metadata or key calls them; personal data",
        ),
        may(
            "device_id",
            Kind::Text,
            "what recorded it, as the header, file, object metadata or key calls it; personal data",
        ),
        may(
            "recorded_at",
            Kind::Timestamp,
            "start of the recording on the clock of the recorder, whose time zone is not known; personal data",
        ),
        may(
            "age",
            Kind::Int,
            "age of the subject in whole years, as the source says it or, in EDF+, from birth to the start; personal data",
        ),
        may(
            "sex",
            Kind::Text,
            "male (M or male in the source) or female (F or female); null where it says anything else; personal data",
        ),
    ],
    erased_by: ErasedBy::Recording,
};

/// One row per recording, lead and 10-second segment.
pub const SEGMENTS: Table = Table {
    name: "segments",
    comment: "One row per recording, lead and 10-second segment; the last segment may be shorter.",
    columns: &[
        RECORDING_ID,
        must("lead", Kind::Int, "number of the lead, from 0"),
        must(
            "lead_name",
            Kind::Text,
            "name of the lead, such as MLII; lead N where the file does not say",
        ),
        must(
            "segment",
            Kind::Int,
            "number of the segment within the lead, from 0",
        ),
        must(
            "start_s",
            Kind::Double,
            "time of the first sample from the start of the recording, in seconds",
        ),
        must(
            "start_sample",
            Kind::BigInt,
            "index of the first sample in the recording, from 0",
        ),
        must("samples", Kind::Int, "samples in the segment"),
        must("sampling_frequency_hz", Kind::Double, "sampling frequency in Hz"),
        may(
            "label",
            Kind::Text,
            "class of the recording, from the key (dataset profile)",
        ),
        must(
            "mv",
            Kind::Floats,
            "the signal in mV, unfiltered; missing samples are interpolated linearly, see missing_at",
        ),
        must("min_mv", Kind::Float, "smallest value, in mV"),
        must("max_mv", Kind::Float, "largest value, in mV"),
        must("rms_mv", Kind::Float, "sqrt(mean(mv^2)), about zero, in mV"),
        must("beats", Kind::Int, "beats found in the segment"),
        may(
            "heart_rate_bpm",
            Kind::Double,
            "60000 / rr_mean_ms, in beats per minute",
        ),
        may(
            "rr_mean_ms",
            Kind::Double,
            "mean of the RR intervals between beats of the segment, in ms",
        ),
        may(
            "sdnn_ms",
            Kind::Double,
            "standard deviation (n - 1) of the NN intervals, in ms; biased in 10 s, see nn_intervals",
        ),
        may(
            "rmssd_ms",
            Kind::Double,
            "root mean square of successive differences of NN intervals, in ms",
        ),
        may(
            "pnn50",
            Kind::Double,
            "number of successive NN differences above 50 ms, as a percentage of nn_intervals",
        ),
        must("rr_intervals", Kind::Int, "RR intervals that rr_mean_ms rests on"),
        may(
            "ksqi",
            Kind::Double,
            "kurtosis of the signal after Pearson (3 for a normal distribution)",
        ),
        may("ssqi", Kind::Double, "skewness of the signal"),
        may(
            "psqi",
            Kind::Double,
            "P(5-15 Hz) / P(5-40 Hz), the share of the QRS band",
        ),
        may(
            "bassqi",
            Kind::Double,
            "1 - P(0-1 Hz) / P(0-40 Hz), the share that is not baseline wander",
        ),
        must(
            "flat_ms",
            Kind::Double,
            "time in runs of equal samples of 0.5 s or more, in ms",
        ),
        must(
            "saturated_samples",
            Kind::Int,
            "samples in runs of 5 or more equal samples at the segment's extreme",
        ),
        must(
            "missing_samples",
            Kind::Int,
            "samples that were NaN, infinite or the WFDB sentinel -32768",
        ),
        must(
            "missing_at",
            Kind::Ints,
            "positions in mv, from 0, of the samples that were missing",
        ),
        must("quality", Kind::Text, "good, or warn where there is a warning"),
        must("warnings", Kind::Texts, "names of the warnings of the segment"),
        may(
            "pr_ms",
            Kind::Double,
            "median over the beats of the segment that have it: time from P onset to QRS onset, in ms",
        ),
        may(
            "qrs_ms",
            Kind::Double,
            "median over the beats of the segment that have it: time from QRS onset to QRS end, in ms",
        ),
        may(
            "qt_ms",
            Kind::Double,
            "median over the beats of the segment that have it: time from QRS onset to T end, in ms",
        ),
        may(
            "qtc_bazett_ms",
            Kind::Double,
            "median over the beats of the segment that have it: qt_ms / sqrt(rr_ms / 1000), in ms",
        ),
        may(
            "qtc_fridericia_ms",
            Kind::Double,
            "median over the beats of the segment that have it: qt_ms / cbrt(rr_ms / 1000), in ms",
        ),
        may(
            "st_mv",
            Kind::Double,
            "median over the beats of the segment that have it: level of the signal 60 ms after QRS end, less that before QRS onset, in mV",
        ),
        may(
            "t_polarity",
            Kind::Int,
            "median over the beats of the segment that have it: 1 where the T wave points up, -1 where it points down, 0 where as many do the one as the other",
        ),
        may("beats_n", Kind::Int, "beats of type N, normal"),
        may("beats_s", Kind::Int, "beats of type S, supraventricular"),
        may("beats_v", Kind::Int, "beats of type V, ventricular"),
        may(
            "beats_q",
            Kind::Int,
            "beats of types P and Q, paced or not to be classified",
        ),
        may(
            "nn_intervals",
            Kind::Int,
            "NN intervals, between two normal beats of the segment, that sdnn_ms, rmssd_ms and pnn50 rest on; null in rows of recipes 1 and 2, where these rest on rr_intervals",
        ),
        may(
            "template_corr",
            Kind::Double,
            "median of template_corr of the beats, 0 to 1",
        ),
        may(
            "bsqi",
            Kind::Double,
            "beats that both of two detectors found / beats that either found, 0 to 1",
        ),
        may("sqi", Kind::Double, "quality index bsqi * template_corr, 0 to 1"),
    ],
    erased_by: ErasedBy::Recording,
};

/// One row per detected beat.
pub const BEATS: Table = Table {
    name: "beats",
    comment: "One row per beat found in a lead.",
    columns: &[
        RECORDING_ID,
        must("lead", Kind::Int, "number of the lead, from 0"),
        must("lead_name", Kind::Text, "name of the lead"),
        must(
            "sample",
            Kind::BigInt,
            "index of the R peak in the recording, from 0",
        ),
        must(
            "time_s",
            Kind::Double,
            "sample / sampling_frequency_hz, in seconds",
        ),
        may(
            "rr_ms",
            Kind::Double,
            "time since the beat before in the same lead, in ms; null for the first, and behind a gap of missing samples that could hide a beat",
        ),
        must("r_mv", Kind::Float, "the signal at the R peak, in mV"),
        may(
            "p_onset",
            Kind::BigInt,
            "first sample of the P wave: index in the recording, from 0; null where there is none, or samples are missing in it",
        ),
        may(
            "p_peak",
            Kind::BigInt,
            "peak of the P wave: index in the recording, from 0",
        ),
        may(
            "p_end",
            Kind::BigInt,
            "last sample of the P wave: index in the recording, from 0",
        ),
        may(
            "qrs_onset",
            Kind::BigInt,
            "first sample of the QRS complex: index in the recording, from 0; null where there is none, or samples are missing in it",
        ),
        may(
            "qrs_end",
            Kind::BigInt,
            "last sample of the QRS complex: index in the recording, from 0",
        ),
        may(
            "t_onset",
            Kind::BigInt,
            "first sample of the T wave: index in the recording, from 0; null where there is none, or samples are missing in it",
        ),
        may(
            "t_peak",
            Kind::BigInt,
            "peak of the T wave: index in the recording, from 0",
        ),
        may(
            "t_end",
            Kind::BigInt,
            "last sample of the T wave: index in the recording, from 0",
        ),
        may("pr_ms", Kind::Double, "time from P onset to QRS onset, in ms"),
        may("qrs_ms", Kind::Double, "time from QRS onset to QRS end, in ms"),
        may("qt_ms", Kind::Double, "time from QRS onset to T end, in ms"),
        may("qtc_bazett_ms", Kind::Double, "qt_ms / sqrt(rr_ms / 1000), in ms"),
        may(
            "qtc_fridericia_ms",
            Kind::Double,
            "qt_ms / cbrt(rr_ms / 1000), in ms",
        ),
        may(
            "st_mv",
            Kind::Double,
            "level of the signal 60 ms after QRS end, less that before QRS onset, in mV",
        ),
        may(
            "t_polarity",
            Kind::Int,
            "1 where the T wave points up, -1 where it points down",
        ),
        may(
            "template_corr",
            Kind::Double,
            "correlation with the template of earlier beats that fits best, -1 to 1; null for the first beat",
        ),
        may(
            "beat_type",
            Kind::Text,
            "N normal, S supraventricular, V ventricular, P paced, Q not to be classified; null in rows of recipes 1 and 2",
        ),
        may(
            "nn_ms",
            Kind::Double,
            "rr_ms where this beat and the one before are of type N",
        ),
    ],
    erased_by: ErasedBy::Recording,
};

/// One row per recording, lead and five minutes, and one for the whole lead.
pub const WINDOWS: Table = Table {
    name: "windows",
    comment: "One row per lead and five minutes, and one per whole lead, of recordings of 60 s or more: heart rate variability.",
    columns: &[
        RECORDING_ID,
        must("lead", Kind::Int, "number of the lead, from 0"),
        must("lead_name", Kind::Text, "name of the lead"),
        may(
            "window_index",
            Kind::Int,
            "number of the window within the lead, from 0; null for the row of the whole lead",
        ),
        must(
            "start_s",
            Kind::Double,
            "time of the first sample from the start of the recording, in seconds",
        ),
        must(
            "start_sample",
            Kind::BigInt,
            "index of the first sample in the recording, from 0",
        ),
        must(
            "duration_s",
            Kind::Double,
            "length in seconds; the last window may be shorter than 300",
        ),
        may(
            "label",
            Kind::Text,
            "class of the recording, from the key (dataset profile)",
        ),
        must(
            "usable_share",
            Kind::Double,
            "share, 0 to 1, of the samples that are neither missing, nor in a flat line, nor in a noisy segment",
        ),
        must("beats", Kind::BigInt, "beats found in the window"),
        must("beats_n", Kind::BigInt, "of these the normal ones"),
        must("beats_s", Kind::BigInt, "supraventricular ectopic beats"),
        must("beats_v", Kind::BigInt, "ventricular ectopic beats"),
        must("beats_q", Kind::BigInt, "paced or unclassified beats"),
        must(
            "rr_intervals",
            Kind::BigInt,
            "known RR intervals that end with these beats",
        ),
        must(
            "nn_intervals",
            Kind::BigInt,
            "of these the NN intervals, between two adjacent normal beats: what the variability below rests on",
        ),
        may("nn_share", Kind::Double, "nn_intervals / rr_intervals, 0 to 1"),
        may(
            "heart_rate_bpm",
            Kind::Double,
            "60000 / mean of rr_ms of all beats, in beats per minute",
        ),
        may(
            "af_s",
            Kind::Double,
            "seconds of the minutes in atrial fibrillation; the AF burden is af_s / af_known_s",
        ),
        must(
            "af_known_s",
            Kind::Double,
            "seconds of the minutes of which it is known whether they are in atrial fibrillation",
        ),
        may("nn_mean_ms", Kind::Double, "mean of the NN intervals, in ms"),
        may(
            "sdnn_ms",
            Kind::Double,
            "standard deviation (n - 1) of the NN intervals, in ms",
        ),
        may(
            "sdann_ms",
            Kind::Double,
            "whole lead only: standard deviation (n - 1) of nn_mean_ms of the windows, in ms; null below 3 windows",
        ),
        may(
            "sdnn_index_ms",
            Kind::Double,
            "whole lead only: mean of sdnn_ms of the windows, in ms; null below 3 windows",
        ),
        may(
            "rmssd_ms",
            Kind::Double,
            "root mean square of the differences of adjacent NN intervals, in ms",
        ),
        may(
            "pnn20",
            Kind::Double,
            "differences of adjacent NN intervals above 20 ms, as a percentage of nn_intervals",
        ),
        may(
            "pnn50",
            Kind::Double,
            "differences of adjacent NN intervals above 50 ms, as a percentage of nn_intervals",
        ),
        may(
            "nn_p05_ms",
            Kind::Double,
            "5th percentile of the NN intervals, in ms; null below 20 intervals, and from 4 s on",
        ),
        may(
            "nn_p25_ms",
            Kind::Double,
            "25th percentile of the NN intervals, in ms",
        ),
        may("nn_p50_ms", Kind::Double, "median of the NN intervals, in ms"),
        may(
            "nn_p75_ms",
            Kind::Double,
            "75th percentile of the NN intervals, in ms",
        ),
        may(
            "nn_p95_ms",
            Kind::Double,
            "95th percentile of the NN intervals, in ms",
        ),
        may(
            "triangular_index",
            Kind::Double,
            "nn_intervals / those in the fullest bin of 1/128 s; null below 20 intervals",
        ),
        may(
            "vlf_ms2",
            Kind::Double,
            "power from 0.0033 to 0.04 Hz (Lomb-Scargle), in ms^2; null below 240 s in NN intervals; like all that follows, null for a whole lead",
        ),
        may(
            "lf_ms2",
            Kind::Double,
            "power from 0.04 to 0.15 Hz, in ms^2; null below 120 s in NN intervals",
        ),
        may(
            "hf_ms2",
            Kind::Double,
            "power from 0.15 to 0.4 Hz, in ms^2; null below 60 s in NN intervals",
        ),
        may("total_ms2", Kind::Double, "vlf_ms2 + lf_ms2 + hf_ms2, in ms^2"),
        may("lf_hf", Kind::Double, "lf_ms2 / hf_ms2"),
        may("lf_nu", Kind::Double, "lf_ms2 as a percentage of lf_ms2 + hf_ms2"),
        may("hf_nu", Kind::Double, "hf_ms2 as a percentage of lf_ms2 + hf_ms2"),
        may(
            "sd1_ms",
            Kind::Double,
            "Poincare plot: standard deviation across the line of identity, in ms; also for a whole lead",
        ),
        may(
            "sd2_ms",
            Kind::Double,
            "Poincare plot: standard deviation along the line of identity, in ms; also for a whole lead",
        ),
        may(
            "sample_entropy",
            Kind::Double,
            "sample entropy of the NN intervals, m = 2, r = 0.2 sdnn_ms; null below 200 intervals",
        ),
        may(
            "dfa_alpha1",
            Kind::Double,
            "scaling exponent of detrended fluctuation analysis, 4 to 16 beats; null below 64 intervals",
        ),
    ],
    erased_by: ErasedBy::Recording,
};

/// One row per failed run.
pub const REJECTIONS: Table = Table {
    name: "rejections",
    comment: "One row per failed run: why it failed, and where.",
    columns: &[
        RECORDING_ID,
        must(
            "execution",
            Kind::Text,
            "name of the execution; a rerun has a suffix",
        ),
        must("step", Kind::Text, "step that failed"),
        must(
            "error",
            Kind::Text,
            "error name: Rejected, Transient, Conflict, Internal or a States.* name",
        ),
        must("cause", Kind::Text, "the reason in one line"),
        may("expected", Kind::Text, "what would have been right"),
        may("found", Kind::Text, "what was there"),
        may(
            "offset",
            Kind::BigInt,
            "byte offset in the object, where one can be told",
        ),
        must("source_bucket", Kind::Text, "bucket of the upload"),
        must("source_key", Kind::Text, "key of the upload"),
        must(
            "source_version",
            Kind::Text,
            "version id of the object, else its ETag",
        ),
        must("source_size", Kind::BigInt, "size of the object in bytes"),
        must("attempts", Kind::Int, "how often the failed step was tried"),
        must("uploaded_at", Kind::Timestamp, "time of the upload, UTC"),
        must(
            "pipeline_version",
            Kind::Text,
            "version of the pipeline that wrote the row and the commit that it was built from, such as 0.3.0+g1a2b3c4",
        ),
        may("rules_version", Kind::Text, "version of the table of limits"),
        RUN,
        may(
            "subject_id",
            Kind::Text,
            "who was recorded, as far as it could be told before the run failed",
        ),
        may(
            "content_sha256",
            Kind::Text,
            "SHA-256 of the upload in hexadecimal, where it was read to its end",
        ),
    ],
    erased_by: ErasedBy::Execution,
};
