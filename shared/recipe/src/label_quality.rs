//! Step 5: quality labels.
//!
//! A label is stored beside the segment and never drops it: published thresholds reject the very
//! arrhythmias people study. Every limit comes from [`Rules`].

use ecg_core::rules::Rules;

use crate::features::Features;

/// What looks odd in a segment. The names are part of the tables: they do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Warning {
    /// A run of equal samples of `label_flat_s_from` or more reaches into the segment.
    FlatLine,
    /// A run of `label_saturated_run_from` equal samples or more lies at the segment's minimum or maximum.
    Saturated,
    /// At least one sample was missing.
    MissingSamples,
    /// A sample is farther than `label_amplitude_mv_above` from 0 mV.
    Amplitude,
    /// Peak to peak below `label_peak_to_peak_mv_below`.
    LowAmplitude,
    /// Peak to peak above `label_peak_to_peak_mv_above`.
    HighAmplitude,
    /// Fewer beats than `label_beats_below`, for a full segment.
    FewBeats,
    /// Heart rate outside `label_heart_rate_bpm_below` to `label_heart_rate_bpm_above`.
    HeartRate,
    /// kSQI below `label_ksqi_below`.
    Ksqi,
    /// pSQI outside `label_psqi_below` to `label_psqi_above`.
    Psqi,
    /// basSQI below `label_bassqi_below`.
    Bassqi,
    /// sqi below `label_sqi_below`.
    Noisy,
}

impl Warning {
    /// All warnings, in the order in which a segment lists them.
    pub const ALL: [Warning; 12] = [
        Warning::FlatLine,
        Warning::Saturated,
        Warning::MissingSamples,
        Warning::Amplitude,
        Warning::LowAmplitude,
        Warning::HighAmplitude,
        Warning::FewBeats,
        Warning::HeartRate,
        Warning::Ksqi,
        Warning::Psqi,
        Warning::Bassqi,
        Warning::Noisy,
    ];

    /// The name in the `warnings` column.
    pub fn name(self) -> &'static str {
        match self {
            Warning::FlatLine => "flat_line",
            Warning::Saturated => "saturated",
            Warning::MissingSamples => "missing_samples",
            Warning::Amplitude => "amplitude",
            Warning::LowAmplitude => "low_amplitude",
            Warning::HighAmplitude => "high_amplitude",
            Warning::FewBeats => "few_beats",
            Warning::HeartRate => "heart_rate",
            Warning::Ksqi => "ksqi",
            Warning::Psqi => "psqi",
            Warning::Bassqi => "bassqi",
            Warning::Noisy => "noisy",
        }
    }
}

/// The quality of a segment or a lead: [`Quality::Good`] if it has no warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// No warning.
    Good,
    /// At least one warning.
    Warn,
}

impl Quality {
    /// The quality that these warnings give.
    ///
    /// ```
    /// use ecg_recipe::{Quality, Warning};
    ///
    /// assert_eq!(Quality::of(&[]).name(), "good");
    /// assert_eq!(Quality::of(&[Warning::FlatLine]).name(), "warn");
    /// assert_eq!(Warning::FlatLine.name(), "flat_line");
    /// ```
    pub fn of(warnings: &[Warning]) -> Self {
        if warnings.is_empty() {
            Quality::Good
        } else {
            Quality::Warn
        }
    }

    /// The name in the `quality` column.
    pub fn name(self) -> &'static str {
        match self {
            Quality::Good => "good",
            Quality::Warn => "warn",
        }
    }
}

/// The warnings of a segment of `duration_s` seconds, in the order of [`Warning::ALL`].
///
/// A feature that is undefined gives no warning of its own: a flat segment is a flat line, not a bad
/// kurtosis. The last segment may be shorter, and is then asked for fewer beats:
/// `floor(label_beats_below * duration_s / segment_s)`, so with 3 per 10 s, 2 from 6.7 s, 1 from 3.4 s, none below.
pub(crate) fn warnings(features: &Features, duration_s: f64, rules: &Rules) -> Vec<Warning> {
    let peak_to_peak = f64::from(features.max_mv) - f64::from(features.min_mv);
    let farthest = f64::from(features.max_mv)
        .abs()
        .max(f64::from(features.min_mv).abs());
    let share_of_segment = (duration_s / rules.segment_s).min(1.0);
    let beats_expected = (f64::from(rules.label_beats_below) * share_of_segment + 1e-9).floor();
    let below = |value: Option<f64>, limit: f64| value.is_some_and(|value| value < limit);
    let above = |value: Option<f64>, limit: f64| value.is_some_and(|value| value > limit);

    let holds = |warning: &Warning| match warning {
        Warning::FlatLine => features.flat_ms > 0.0,
        Warning::Saturated => features.saturated_samples > 0,
        Warning::MissingSamples => features.missing_samples > 0,
        Warning::Amplitude => farthest > rules.label_amplitude_mv_above,
        Warning::LowAmplitude => peak_to_peak < rules.label_peak_to_peak_mv_below,
        Warning::HighAmplitude => peak_to_peak > rules.label_peak_to_peak_mv_above,
        Warning::FewBeats => f64::from(features.beats) < beats_expected,
        Warning::HeartRate => {
            below(features.heart_rate_bpm, rules.label_heart_rate_bpm_below)
                || above(features.heart_rate_bpm, rules.label_heart_rate_bpm_above)
        }
        Warning::Ksqi => below(features.ksqi, rules.label_ksqi_below),
        Warning::Psqi => {
            below(features.psqi, rules.label_psqi_below) || above(features.psqi, rules.label_psqi_above)
        }
        Warning::Bassqi => below(features.bassqi, rules.label_bassqi_below),
        Warning::Noisy => below(features.sqi, rules.label_sqi_below),
    };
    Warning::ALL.into_iter().filter(holds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure_beats::Measurements;
    use ecg_core::rules::RULES;

    fn good() -> Features {
        Features {
            min_mv: -0.5,
            max_mv: 1.0,
            rms_mv: 0.3,
            beats: 12,
            beats_of_type: [12, 0, 0, 0, 0],
            rr_intervals: 11,
            nn_intervals: 11,
            heart_rate_bpm: Some(72.0),
            rr_mean_ms: Some(833.0),
            sdnn_ms: Some(20.0),
            rmssd_ms: Some(20.0),
            pnn50: Some(0.0),
            measured: Measurements::default(),
            ksqi: Some(15.0),
            ssqi: Some(3.0),
            psqi: Some(0.6),
            bassqi: Some(0.95),
            bsqi: Some(1.0),
            template_corr: Some(0.98),
            sqi: Some(0.98),
            flat_ms: 0.0,
            saturated_samples: 0,
            missing_samples: 0,
        }
    }

    #[test]
    fn each_limit_gives_its_own_warning() {
        let cases: Vec<(&str, Features)> = vec![
            (
                "flat_line",
                Features {
                    flat_ms: 500.0,
                    ..good()
                },
            ),
            (
                "saturated",
                Features {
                    saturated_samples: 5,
                    ..good()
                },
            ),
            (
                "missing_samples",
                Features {
                    missing_samples: 1,
                    ..good()
                },
            ),
            (
                "amplitude",
                Features {
                    min_mv: -5.1,
                    ..good()
                },
            ),
            (
                "low_amplitude",
                Features {
                    min_mv: 0.0,
                    max_mv: 0.09,
                    ..good()
                },
            ),
            (
                "high_amplitude",
                Features {
                    min_mv: -4.0,
                    max_mv: 6.1,
                    ..good()
                },
            ),
            ("few_beats", Features { beats: 2, ..good() }),
            (
                "heart_rate",
                Features {
                    heart_rate_bpm: Some(29.0),
                    ..good()
                },
            ),
            (
                "heart_rate",
                Features {
                    heart_rate_bpm: Some(221.0),
                    ..good()
                },
            ),
            (
                "ksqi",
                Features {
                    ksqi: Some(2.9),
                    ..good()
                },
            ),
            (
                "psqi",
                Features {
                    psqi: Some(0.34),
                    ..good()
                },
            ),
            (
                "psqi",
                Features {
                    psqi: Some(0.995),
                    ..good()
                },
            ),
            (
                "bassqi",
                Features {
                    bassqi: Some(0.19),
                    ..good()
                },
            ),
            (
                "noisy",
                Features {
                    sqi: Some(0.79),
                    ..good()
                },
            ),
        ];
        for (name, features) in cases {
            let names: Vec<&str> = warnings(&features, 10.0, &RULES)
                .into_iter()
                .map(Warning::name)
                .collect();
            // Over 10 mV from peak to peak is also beyond 5 mV from zero.
            let expect = if name == "high_amplitude" {
                vec!["amplitude", name]
            } else {
                vec![name]
            };
            assert_eq!(names, expect);
        }
    }

    #[test]
    fn at_the_limits_and_without_values_there_is_none() {
        assert_eq!(warnings(&good(), 10.0, &RULES), []);
        let edge = Features {
            min_mv: -5.0,
            max_mv: 5.0,
            beats: 3,
            heart_rate_bpm: Some(220.0),
            ksqi: None,
            psqi: None,
            bassqi: None,
            sqi: Some(0.8),
            ..good()
        };
        assert_eq!(warnings(&edge, 10.0, &RULES), []);
    }

    #[test]
    fn a_short_last_segment_is_asked_for_fewer_beats() {
        for (duration_s, beats, few) in [
            (10.0, 2, true),
            (7.0, 2, false),
            (7.0, 1, true),
            (4.0, 1, false),
            (4.0, 0, true),
            (3.0, 0, false),
        ] {
            let found = warnings(&Features { beats, ..good() }, duration_s, &RULES);
            assert_eq!(
                found.contains(&Warning::FewBeats),
                few,
                "{duration_s} s, {beats} beats"
            );
        }
    }

    #[test]
    fn the_names_are_the_contract() {
        let names: Vec<&str> = Warning::ALL.into_iter().map(Warning::name).collect();
        assert_eq!(
            names.join(" "),
            "flat_line saturated missing_samples amplitude low_amplitude high_amplitude few_beats heart_rate \
             ksqi psqi bassqi noisy"
        );
        let mut sorted = Warning::ALL;
        sorted.sort();
        assert_eq!(sorted, Warning::ALL);
    }
}
