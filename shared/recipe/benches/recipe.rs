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
#[path = "../src/label_quality.rs"]
mod label_quality;
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
#[path = "../src/types.rs"]
mod types;

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
use qrs_candidates::QrsCandidates;
use runs::Runs;
use spectrum::Spectrum;
use templates::Templates;

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

fn steps(criterion: &mut Criterion) {
    let adu = lead();
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
    let rr_ms: Vec<Option<f64>> = (0..12).map(|n| Some(800.0 + f64::from(n))).collect();
    let segment = &mv[..SEGMENT];
    measure(criterion, "step: features, with spectrum", SEGMENT, || {
        black_box(features.next_segment(segment, 0, &rr_ms, QualityIndices::default()));
    });

    let mut spectrum = Spectrum::new();
    measure(criterion, "step: spectrum", SEGMENT, || {
        black_box(spectrum.shares(segment, 0.0, HZ));
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
