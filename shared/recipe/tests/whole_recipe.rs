//! The five steps together, on synthetic leads with known answers.

#![allow(clippy::unwrap_used, reason = "a failed test is what it is for")]

mod support {
    pub(crate) mod synthetic;
}

use ecg_core::rules::RULES;
use ecg_recipe::{
    Calibration, LeadRecipe, LeadSummary, Quality, RecipeError, Segment, Warning, Window, process,
};
use support::synthetic::{Random, ecg};

/// Input is in mV already, so that numbers read as they are.
const MILLIVOLTS: Calibration = Calibration {
    gain: 1.0,
    baseline: 0.0,
};

fn whole_lead(lead: &[f64], fs: f64) -> (Vec<Segment>, LeadSummary) {
    let (segments, _, summary) = process(lead, fs, MILLIVOLTS, &RULES).unwrap();
    (segments, summary)
}

/// The streaming form, with blocks of the lengths that `block` gives.
fn in_blocks(
    lead: &[f64],
    fs: f64,
    mut block: impl FnMut() -> usize,
) -> (Vec<Segment>, Vec<Window>, LeadSummary) {
    let mut recipe = LeadRecipe::new(fs, MILLIVOLTS, &RULES).unwrap();
    let (mut segments, mut windows) = (Vec::new(), Vec::new());
    let mut rest = lead;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(block().min(rest.len()));
        recipe.push(now, &mut |segment| segments.push(segment));
        windows.extend(recipe.take_windows());
        rest = later;
    }
    let (summary, last) = recipe.finish(&mut |segment| segments.push(segment));
    windows.extend(last);
    (segments, windows, summary)
}

/// The recipe collects so many samples before it goes on.
const BLOCK: usize = 4096;

/// A sample that is missing.
const NONE: f64 = f64::NAN;

fn beats(segments: &[Segment]) -> Vec<u64> {
    segments
        .iter()
        .flat_map(|segment| &segment.beats)
        .map(|beat| beat.sample)
        .collect()
}

/// A lead with everything in it: a gap at each end and across a segment, a flat zone, saturation, a pause
/// of 40 s, an oscillation.
fn eventful(fs: f64) -> Vec<f64> {
    let (mut mv, _) = ecg(330.0, fs);
    let at = |seconds: f64| (seconds * fs) as usize;
    mv[at(29.7)..at(30.3)].fill(0.25);
    mv[at(41.0)..at(41.2)].fill(5.0);
    mv[at(50.0)..at(90.0)].fill(0.0);
    for (n, mv) in mv[at(100.0)..at(112.0)].iter_mut().enumerate() {
        *mv = (n as f64 / fs * 4.0 * std::f64::consts::TAU).sin();
    }
    let mut lead = mv.clone();
    lead[..at(0.3)].fill(NONE);
    lead[at(19.0)..at(22.5)].fill(NONE);
    lead[at(60.0)..at(61.0)].fill(f64::INFINITY);
    lead[at(329.5)..].fill(NONE);
    lead
}

#[test]
fn the_output_does_not_depend_on_the_blocks() {
    for fs in [128.0, 360.0] {
        let lead = eventful(fs);
        let expect = format!("{:?}", process(&lead, fs, MILLIVOLTS, &RULES).unwrap());
        for samples in [1, 7, 4096, 4097, lead.len()] {
            let got = in_blocks(&lead, fs, || samples);
            assert!(expect == format!("{got:?}"), "blocks of {samples} at {fs}");
        }
        for seed in 1..6 {
            let mut random = Random(seed);
            let most = [3.0, 50.0, 1000.0, 9000.0, 20_000.0][seed as usize - 1];
            let got = in_blocks(&lead, fs, || 1 + (random.next() * most) as usize);
            assert!(expect == format!("{got:?}"), "seed {seed} at {fs}");
        }
    }
}

#[test]
fn segments_tile_the_lead_and_beats_are_in_their_segments() {
    let lead = eventful(250.0);
    let (segments, summary) = whole_lead(&lead, 250.0);
    let mut next = 0;
    for (index, segment) in segments.iter().enumerate() {
        assert_eq!((segment.index as usize, segment.start_sample), (index, next));
        next += segment.mv.len() as u64;
        assert!(
            segment
                .beats
                .iter()
                .all(|beat| (segment.start_sample..next).contains(&beat.sample)),
            "{index}"
        );
        assert!(
            segment
                .beats
                .iter()
                .all(|b| b.r_mv == segment.mv[(b.sample - segment.start_sample) as usize])
        );
        assert_eq!(segment.features.beats as usize, segment.beats.len());
        assert_eq!(segment.quality, Quality::of(&segment.warnings));
    }
    assert_eq!(next as usize, lead.len());
    let all = beats(&segments);
    assert!(
        all.windows(2).all(|pair| pair[0] < pair[1]),
        "beats are in order and there is none twice"
    );
    assert_eq!(
        (summary.beats as usize, summary.segments as usize),
        (all.len(), segments.len())
    );
    assert_eq!(summary.samples as usize, lead.len());
    let missing: usize = segments.iter().map(|segment| segment.missing_at.len()).sum();
    assert_eq!(summary.missing_samples as usize, missing);
    assert_eq!(missing, 75 + 875 + 250 + 125);
}

#[test]
fn what_is_held_is_bounded_whatever_the_signal() {
    let fs = 250.0;
    let mut random = Random(3);
    let samples = 120 * 250;
    let signals: Vec<(&str, Vec<f64>)> = vec![
        ("ECG", ecg(120.0, fs).0),
        ("nothing", vec![0.0; samples]),
        ("noise", (0..samples).map(|_| random.next()).collect()),
        (
            "flutter",
            (0..samples)
                .map(|n| (n as f64 / fs * 5.0 * std::f64::consts::TAU).sin())
                .collect(),
        ),
        (
            "growth",
            (0..samples)
                .map(|n| (n as f64 / 300.0).exp().min(1e30) * (n as f64 / 4.0).sin())
                .collect(),
        ),
        (
            "one beat, then nothing",
            (0..samples).map(|n| if n == 500 { 2.0 } else { 0.0 }).collect(),
        ),
    ];
    for (name, mv) in signals {
        let mut recipe = LeadRecipe::new(fs, MILLIVOLTS, &RULES).unwrap();
        let mut complete = 0;
        for (n, mv) in mv.iter().enumerate() {
            recipe.push(&[*mv], &mut |segment| {
                complete = segment.start_sample as usize + segment.mv.len()
            });
            assert!(
                n - complete.min(n) < 25 * 250 + BLOCK,
                "{name}: at sample {n} only {complete} were given"
            );
        }
        recipe.finish(&mut |segment| complete = segment.start_sample as usize + segment.mv.len());
        assert_eq!(complete, samples, "{name}");
    }
}

#[test]
fn known_beats_are_found_at_every_sampling_frequency_and_polarity() {
    for fs in [125.0, 250.0, 300.0, 360.0, 500.0, 1000.0] {
        for sign in [1.0, -1.0] {
            let (mv, expect) = ecg(60.0, fs);
            let mv: Vec<f64> = mv.iter().map(|x| sign * x + 3.0).collect();
            let (segments, summary) = whole_lead(&mv, fs);
            let found = beats(&segments);
            assert_eq!(found.len(), expect.len(), "{fs} {sign}");
            let off = found
                .iter()
                .zip(&expect)
                .map(|(a, b)| a.abs_diff(*b))
                .max()
                .unwrap();
            assert!(
                off as f64 <= (0.004 * fs).ceil(),
                "{fs} {sign}: off by {off} samples"
            );
            let mean_s = (found[found.len() - 1] - found[0]) as f64 / fs / (found.len() - 1) as f64;
            assert!((summary.heart_rate_bpm.unwrap() - 60.0 / mean_s).abs() < 1e-9);
        }
    }
}

/// Supraventricular tachycardia and the hearts of infants: narrow complexes. Ventricular tachycardia: wide ones.
#[test]
fn fast_beats_are_found() {
    let fs = 360.0;
    let rates = [60.0, 150.0, 200.0, 220.0, 235.0, 240.0];
    let widths = [0.012, 0.02, 0.03];
    let narrow_and_wide = widths.map(|width_s| rates.map(|per_minute| (width_s, per_minute)));
    for (width_s, per_minute) in narrow_and_wide.into_iter().flatten() {
        let interval = 60.0 / per_minute * fs;
        let count = (58.0 * per_minute / 60.0) as usize;
        let mut mv = vec![0.0; 60 * 360];
        for beat in 0..count {
            let centre = 360.0 + beat as f64 * interval;
            for (n, mv) in mv.iter_mut().enumerate() {
                let distance = (n as f64 - centre) / (width_s * fs);
                *mv += (-0.5 * distance * distance).exp();
            }
        }
        let (segments, _) = whole_lead(&mv, fs);
        assert_eq!(
            beats(&segments).len(),
            count,
            "{width_s} s, {per_minute} per minute"
        );
    }
}

#[test]
fn clear_beats_have_high_indices_and_noise_is_noisy() {
    let fs = 360.0;
    let (mut mv, _) = ecg(60.0, fs);
    let mut random = Random(5);
    // From 20 s to 40 s: noise as large as the beats, smooth enough to look like some.
    let mut noise = [0.0; 2];
    for mv in &mut mv[7200..14_400] {
        noise[0] += 0.1 * (12.0 * (random.next() - 0.5) - noise[0]);
        noise[1] += 0.1 * (noise[0] - noise[1]);
        *mv += noise[1];
    }
    let (segments, summary) = whole_lead(&mv, fs);
    for segment in &segments {
        let f = segment.features;
        let is_noisy = matches!(segment.index, 2 | 3);
        assert_eq!(segment.warnings.contains(&Warning::Noisy), is_noisy, "{f:?}");
        if !is_noisy {
            assert!(f.bsqi == Some(1.0) || segment.index == 4, "{f:?}");
            assert!(f.template_corr.unwrap() > 0.97, "{f:?}");
        }
    }
    assert!(summary.warnings.contains(&Warning::Noisy));
    let first = segments[0].beats.iter().map(|beat| beat.template_corr);
    assert_eq!(first.filter(Option::is_none).count(), 1);
}

#[test]
fn intervals_are_times_between_neighbouring_beats_also_across_segments() {
    let (mv, _) = ecg(30.0, 360.0);
    let (segments, _) = whole_lead(&mv, 360.0);
    let all: Vec<_> = segments.iter().flat_map(|segment| &segment.beats).collect();
    assert_eq!(all[0].rr_ms, None);
    for pair in all.windows(2) {
        let expect = (pair[1].sample - pair[0].sample) as f64 * 1000.0 / 360.0;
        assert_eq!(pair[1].rr_ms, Some(expect));
        assert_eq!(pair[1].time_s, pair[1].sample as f64 / 360.0);
    }
    for segment in &segments {
        assert_eq!(segment.features.rr_intervals + 1, segment.features.beats);
    }
}

#[test]
fn a_gap_is_a_straight_line_its_places_are_kept_and_the_interval_over_it_is_unknown() {
    let (mv, known) = ecg(30.0, 360.0);
    let mut lead = mv.clone();
    let (from, to) = (3500, 3800);
    lead[from..to].fill(NONE);
    let (segments, summary) = whole_lead(&lead, 360.0);
    assert_eq!(summary.missing_samples, 300);
    assert_eq!(segments[0].missing_at, (3500..3600).collect::<Vec<u32>>());
    assert_eq!(segments[1].missing_at, (0..200).collect::<Vec<u32>>());
    assert_eq!(segments[2].missing_at, Vec::<u32>::new());
    assert!(segments[0].warnings.contains(&Warning::MissingSamples));
    assert!(!segments[2].warnings.contains(&Warning::MissingSamples));
    let (left, right) = (mv[from - 1], mv[to]);
    let middle = left + (right - left) * 100.0 / 301.0;
    assert_eq!(segments[0].mv[3599], middle as f32);
    let after = segments
        .iter()
        .flat_map(|segment| &segment.beats)
        .find(|beat| beat.sample >= 3500)
        .unwrap();
    assert!(after.sample >= 3790 && after.rr_ms.is_none(), "{after:?}");
    let hidden = known
        .iter()
        .filter(|beat| (from as u64..to as u64).contains(beat))
        .count();
    assert!(hidden > 0, "the gap of this test hides a beat");
    assert_eq!(beats(&segments).len(), known.len() - hidden);
}

#[test]
fn a_short_gap_between_beats_hides_none() {
    let (mv, known) = ecg(20.0, 360.0);
    let mut lead = mv.clone();
    let place = known[5] as usize + 180;
    lead[place..place + 40].fill(NONE);
    let (segments, _) = whole_lead(&lead, 360.0);
    assert_eq!(beats(&segments).len(), known.len());
    assert!(
        segments
            .iter()
            .flat_map(|segment| &segment.beats)
            .skip(1)
            .all(|beat| beat.rr_ms.is_some())
    );
}

#[test]
fn after_a_minute_without_signal_the_beats_are_found_again() {
    let fs = 360.0;
    for silence in [NONE, 0.0] {
        let (mv, known) = ecg(30.0, fs);
        let mut lead = mv.clone();
        lead.extend(std::iter::repeat_n(silence, 60 * 360));
        // What comes back is a fifth as large: another electrode.
        lead.extend(mv.iter().map(|x| x / 5.0));
        let (segments, _) = whole_lead(&lead, fs);
        let found = beats(&segments);
        let (before, after): (Vec<u64>, Vec<u64>) = found.iter().partition(|beat| **beat < 30 * 360);
        assert_eq!(before.len(), known.len(), "{silence:?}");
        let missed = known
            .iter()
            .filter(|k| !after.iter().any(|a| a.abs_diff(**k + 90 * 360) <= 2))
            .count();
        assert!(
            missed <= 1 && after.len() <= known.len() + 1,
            "{silence:?}: missed {missed} of {}",
            known.len()
        );
    }
}

#[test]
fn a_flat_line_across_a_boundary_is_one_flat_line() {
    let (mut mv, _) = ecg(20.0, 360.0);
    // 0.3 s on each side of the boundary at 10 s: 0.6 s together, neither half enough alone.
    mv[3600 - 108..3600 + 108].fill(0.125);
    let (segments, summary) = whole_lead(&mv, 360.0);
    for segment in &segments {
        assert_eq!(segment.features.flat_ms, 300.0);
        assert!(segment.warnings.contains(&Warning::FlatLine));
    }
    assert!(summary.warnings.contains(&Warning::FlatLine));

    // 0.4 s are none.
    let (mut mv, _) = ecg(20.0, 360.0);
    mv[3600 - 72..3600 + 72].fill(0.125);
    let (segments, _) = whole_lead(&mv, 360.0);
    assert!(segments.iter().all(|segment| segment.features.flat_ms == 0.0));
}

#[test]
fn saturation_is_counted_at_the_extreme_only() {
    let (mut mv, _) = ecg(20.0, 360.0);
    mv[1000..1007].fill(3.0);
    mv[2000..2007].fill(0.5);
    let (segments, _) = whole_lead(&mv, 360.0);
    assert_eq!(segments[0].features.saturated_samples, 7);
    assert!(segments[0].warnings.contains(&Warning::Saturated));
    assert_eq!(segments[1].features.saturated_samples, 0);
}

#[test]
fn a_constant_lead_has_no_numbers_that_are_none() {
    let (segments, summary) = whole_lead(&[0.1; 9000], 360.0);
    assert_eq!(segments.len(), 3);
    for segment in &segments {
        let f = segment.features;
        let undefined = [
            f.heart_rate_bpm,
            f.rr_mean_ms,
            f.sdnn_ms,
            f.rmssd_ms,
            f.pnn50,
            f.ksqi,
            f.ssqi,
            f.psqi,
            f.bassqi,
            f.bsqi,
            f.template_corr,
            f.sqi,
        ];
        assert_eq!(undefined, [None; 12]);
        assert_eq!((f.min_mv, f.max_mv, f.beats), (0.1, 0.1, 0));
        assert!((f.flat_ms - segment.mv.len() as f64 / 0.36).abs() < 1e-9);
        assert_eq!(
            segment.warnings,
            [
                Warning::FlatLine,
                Warning::Saturated,
                Warning::LowAmplitude,
                Warning::FewBeats
            ]
        );
    }
    assert_eq!(summary.heart_rate_bpm, None);
}

#[test]
fn a_lead_that_is_all_missing_or_empty_is_no_error() {
    let (segments, summary) = whole_lead(&[NONE; 4000], 360.0);
    assert_eq!(
        (summary.samples, summary.missing_samples, summary.beats),
        (4000, 4000, 0)
    );
    assert!(
        segments
            .iter()
            .all(|segment| segment.mv.iter().all(|mv| *mv == 0.0) && segment.features.flat_ms == 0.0)
    );
    let (segments, summary) = whole_lead(&[], 360.0);
    assert_eq!((segments.len(), summary.samples), (0, 0));
}

#[test]
fn absurd_values_are_missing_or_forgotten() {
    let (mv, known) = ecg(60.0, 360.0);
    let mut lead = mv.clone();
    lead[3000] = 1e300;
    lead[3001] = f64::NEG_INFINITY;
    lead[9000] = -1e30;
    let (segments, summary) = whole_lead(&lead, 360.0);
    assert_eq!(summary.missing_samples, 2);
    assert!(segments[2].warnings.contains(&Warning::Amplitude));
    let finite = |f: Option<f64>| f.is_none_or(f64::is_finite);
    assert!(
        segments
            .iter()
            .all(|s| finite(s.features.ksqi) && finite(s.features.psqi) && s.features.rms_mv.is_finite())
    );
    let late = |beats: &[u64]| beats.iter().filter(|beat| **beat > 30 * 360).count();
    assert_eq!(
        late(&beats(&segments)),
        late(&known),
        "beats are found again after the absurd value"
    );
}

#[test]
fn the_ends_of_the_range_of_sampling_frequencies_work() {
    let (lowest, highest) = (
        RULES.reject_sampling_frequency_hz_below,
        RULES.reject_sampling_frequency_hz_above,
    );
    for fs in [lowest, 128.37, highest] {
        let (mv, known) = ecg(21.5, fs);
        let (segments, summary) = whole_lead(&mv, fs);
        assert_eq!(segments.len(), 3, "{fs}");
        assert_eq!(summary.beats as usize, known.len(), "{fs}");
    }
}

#[test]
fn impossible_leads_are_refused() {
    let refused = |hz, gain| {
        let calibration = Calibration { gain, baseline: 0.0 };
        process(&[], hz, calibration, &RULES).unwrap_err()
    };
    for hz in [0.0, -360.0, 49.0, 20_001.0, 1e9, f64::NAN, f64::INFINITY] {
        assert!(
            matches!(refused(hz, 1.0), RecipeError::SamplingFrequency { .. }),
            "{hz}"
        );
    }
    assert_eq!(
        refused(49.0, 1.0).to_string(),
        "sampling frequency: expected 50 to 20000 Hz, found 49 Hz"
    );
    assert_eq!(
        refused(360.0, 0.0).to_string(),
        "calibration: expected a finite gain other than 0 adu/mV and a finite baseline, found gain 0 and baseline 0"
    );
}
