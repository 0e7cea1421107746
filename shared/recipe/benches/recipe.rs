//! What a sample costs, in nanoseconds: the whole recipe, each of its steps, and beside them what cannot be avoided: one
//! pass over the samples, one moving mean, and the Fourier transform alone.
//!
//!     cargo bench -p ecg-recipe
//!
//! Compare numbers of one run only.

#![allow(missing_docs, reason = "what the macros of criterion make")]
#![allow(clippy::unwrap_used, reason = "a developer's tool")]
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "files of the library, of which this needs the entries"
)]

// The steps are private to the crate, so their files are compiled here once more.
#[path = "../src/adaptive_levels.rs"]
mod adaptive_levels;
#[path = "../src/beat_shape.rs"]
mod beat_shape;
#[path = "../src/calibrate.rs"]
mod calibrate;
#[path = "../src/detector_settings.rs"]
mod detector_settings;
#[path = "../src/features.rs"]
mod features;
#[path = "../src/fill_gaps.rs"]
mod fill_gaps;
#[path = "../src/filters.rs"]
mod filters;
#[path = "../src/find_beats.rs"]
mod find_beats;
#[path = "../src/find_waves.rs"]
mod find_waves;
#[path = "../src/label_quality.rs"]
mod label_quality;
#[path = "../src/measure_beats.rs"]
mod measure_beats;
#[path = "../src/median.rs"]
mod median;
#[path = "../src/qrs_candidates.rs"]
mod qrs_candidates;
#[path = "../src/runs.rs"]
mod runs;
#[path = "../src/second_detector.rs"]
mod second_detector;
#[path = "../src/spectrum.rs"]
mod spectrum;
#[path = "../tests/support/synthetic.rs"]
mod synthetic;
#[path = "../src/templates.rs"]
mod templates;
#[path = "../src/type_settings.rs"]
mod type_settings;
#[path = "../src/types.rs"]
mod types;
#[path = "../src/unclear_candidates.rs"]
mod unclear_candidates;
#[path = "../src/variability.rs"]
mod variability;
#[path = "../src/wave_settings.rs"]
mod wave_settings;
#[path = "../src/waves.rs"]
mod waves;

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use ecg_core::rules::RULES;
use realfft::RealFftPlanner;

use calibrate::Calibration;
use features::{FeatureExtractor, QualityIndices};
use fill_gaps::GapFiller;
use filters::{BLOCK, MovingMean, QrsBandPass, Signal};
use find_beats::BeatFinder;
use find_waves::WaveFinder;
use qrs_candidates::QrsCandidates;
use runs::Runs;
use spectrum::Spectrum;
use templates::Templates;
use types::Beat;
use variability::{NnInterval, variability};

const HZ: f64 = 360.0;
const SEGMENT: usize = 3600;
const CALIBRATION: Calibration = Calibration {
    gain: 200.0,
    baseline: 1024.0,
};

/// Five minutes in ADC units: whole blocks.
fn lead() -> Vec<f64> {
    let (mv, _) = synthetic::ecg(300.0, HZ);
    let mut adu: Vec<f64> = mv.iter().map(|mv| (1024.0 + 200.0 * mv).round()).collect();
    adu.truncate(adu.len() / BLOCK * BLOCK);
    adu
}

/// Measures something that is done for so many samples at once; criterion prints the time of one.
fn measure(criterion: &mut Criterion, name: &str, samples: usize, mut work: impl FnMut()) {
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let start = Instant::now();
            for _ in 0..times {
                work();
            }
            start.elapsed() / samples as u32
        });
    });
}

fn whole(criterion: &mut Criterion) {
    let adu = lead();
    let calibration = ecg_recipe::Calibration {
        gain: CALIBRATION.gain,
        baseline: CALIBRATION.baseline,
    };
    measure(criterion, "whole recipe", adu.len(), || {
        let mut lead = ecg_recipe::LeadRecipe::new(HZ, calibration, &RULES).unwrap();
        lead.push(&adu, &mut |segment| drop(black_box(segment)));
        black_box(lead.finish(&mut |segment| drop(black_box(segment))));
    });
}

fn beat(sample: u64) -> Beat {
    Beat {
        sample,
        time_s: sample as f64 / HZ,
        rr_ms: Some(800.0),
        ..Beat::default()
    }
}

fn steps(criterion: &mut Criterion) {
    let adu = lead();
    let (_, r_samples) = synthetic::ecg(300.0, HZ);
    let mv: Vec<f32> = adu.iter().map(|adu| CALIBRATION.to_mv(*adu)).collect();
    let blocks = || mv.chunks_exact(BLOCK);

    let (mut gaps, mut calibrated) = (GapFiller::new(0.0), Vec::new());
    measure(criterion, "step: fill and calibrate", adu.len(), || {
        for adu in adu.chunks_exact(BLOCK) {
            calibrated.clear();
            calibrated.extend(adu.iter().map(|adu| CALIBRATION.to_mv(*adu)));
            gaps.push(adu, &calibrated, &mut |stretch| {
                black_box(stretch);
            });
        }
    });

    let mut band_pass = QrsBandPass::new(HZ, 0.0);
    let [mut signal, mut smoothed, mut energy] = [BLOCK; 3].map(|history| Signal::new(history, 0.0));
    measure(criterion, "step: band-pass and energy", mv.len(), || {
        for mv in blocks() {
            let places = signal.next_block(BLOCK).iter_mut();
            places.zip(mv).for_each(|(place, mv)| *place = f64::from(*mv));
            let energy = energy.next_block(BLOCK);
            band_pass.push(&signal, &mut smoothed, energy);
            energy.iter_mut().for_each(|y| *y *= *y);
        }
    });

    let mut candidates = QrsCandidates::new(HZ);
    measure(criterion, "step: candidates, with energy", mv.len(), || {
        for mv in blocks() {
            candidates.push(mv, &mut |candidate| {
                black_box(candidate);
            });
        }
    });

    let mut beats = BeatFinder::new(HZ);
    measure(criterion, "step: beats, with candidates", mv.len(), || {
        for mv in blocks() {
            beats.push(mv);
            while black_box(beats.next_beat()).is_some() {}
        }
    });

    measure(criterion, "step: waves of known beats", mv.len(), || {
        let mut waves = WaveFinder::new(HZ);
        let mut pushed = 0;
        let mut next = r_samples.iter().peekable();
        for mv in blocks() {
            waves.push(mv);
            pushed += mv.len() as u64;
            while let Some(sample) = next.next_if(|sample| **sample + HZ as u64 <= pushed) {
                waves.push_beat(beat(*sample), 1);
            }
            waves.advance(pushed - HZ as u64, &mut |beat, shape| {
                black_box((beat, shape));
            });
        }
    });
    let (mut templates, hz) = (Templates::new(HZ), HZ as usize);
    let around = 2 * templates.samples_around() + 1;
    measure(
        criterion,
        "step: templates, a beat a second",
        mv.len() / hz * hz,
        || {
            for second in mv.chunks_exact(hz) {
                black_box(templates.next_beat(second[..around].iter().copied()));
            }
        },
    );

    let (mut runs, mut samples) = (Runs::new(180, 5), 0);
    measure(criterion, "step: runs of equal samples", mv.len(), || {
        blocks().for_each(|mv| runs.push(mv));
        samples += mv.len() as u64;
        runs.forget_before(samples);
    });

    let mut features = FeatureExtractor::new(HZ, &RULES);
    let beats: Vec<Beat> = r_samples[..12].iter().map(|sample| beat(*sample)).collect();
    let segment = &mv[..SEGMENT];
    measure(criterion, "step: features, with spectrum", SEGMENT, || {
        black_box(features.next_segment(segment, 0, &beats, QualityIndices::default()));
    });

    let mut spectrum = Spectrum::new();
    measure(criterion, "step: spectrum", SEGMENT, || {
        black_box(spectrum.shares(segment, 0.0, HZ));
    });

    // 370 intervals from 0.75 to 0.85 s.
    let mut end_sample = 0;
    let mut random = synthetic::Random(7);
    let nn: Vec<NnInterval> = (0..370)
        .map(|_| {
            let samples = 270 + (36.0 * random.next()) as u32;
            end_sample += u64::from(samples);
            NnInterval { end_sample, samples }
        })
        .collect();
    let window = (300.0 * HZ) as usize;
    measure(criterion, "step: variability of five minutes", window, || {
        black_box(variability(black_box(&nn), HZ));
    });
}

fn floors(criterion: &mut Criterion) {
    let adu = lead();
    measure(criterion, "floor: one pass over the samples", adu.len(), || {
        let mut lanes = [0.0; 8];
        for values in adu.as_chunks::<8>().0 {
            lanes
                .iter_mut()
                .zip(values)
                .for_each(|(lane, value)| *lane += value);
        }
        black_box(lanes);
    });

    let (mut mean, mut signal, mut means) =
        (MovingMean::new(35, 0.0), Signal::new(35, 0.0), vec![0.0; BLOCK]);
    signal.next_block(BLOCK).copy_from_slice(&adu[..BLOCK]);
    measure(criterion, "floor: one moving mean of 35 samples", BLOCK, || {
        mean.push(&signal, &mut means);
        black_box(&means);
    });

    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(SEGMENT);
    let (mut input, mut output) = (transform.make_input_vec(), transform.make_output_vec());
    let mut scratch = transform.make_scratch_vec();
    measure(criterion, "floor: Fourier transform of 10 s", SEGMENT, || {
        input.copy_from_slice(&adu[..SEGMENT]);
        transform
            .process_with_scratch(&mut input, &mut output, &mut scratch)
            .unwrap();
        black_box(&output);
    });
}

criterion_group!(benches, whole, steps, floors);
criterion_main!(benches);
