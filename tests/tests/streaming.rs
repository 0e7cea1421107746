//! A 24-hour two-lead recording passes the whole workflow, and `ecg inspect`, within a bounded peak of memory.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs::{self, File};
use std::time::Instant;

use ecg_tests::beats::Score;
use ecg_tests::cli::{ecg, peak_resident_mb, start};
use ecg_tests::lake::{TestLake, text};
use serde_json::Value;

/// Most resident memory of the process, in MB.
const PEAK_MB: f64 = 256.0;

/// The same for `ecg inspect`.
const INSPECT_PEAK_MB: f64 = 64.0;

#[test]
fn a_day_of_two_leads_stays_below_the_limit() {
    let lake = TestLake::new();
    let (file, known) = (lake.beside("day.mat"), lake.beside("day.json"));
    ecg(&[
        "synth",
        text(&file),
        "--duration",
        "24h",
        "--leads",
        "2",
        "--beats",
        text(&known),
    ])
    .expect(0);

    let log = lake.beside("log");
    let drawing = lake.beside("day.svg");
    let arguments = ["inspect", text(&file), "--at", "86390", "--svg", text(&drawing)];
    let mut inspect = start(&arguments, File::create(&log).unwrap());
    let peak_mb = peak_resident_mb(&mut inspect);
    assert!(inspect.wait().unwrap().success() && drawing.exists());
    println!("inspect: peak resident {peak_mb:.0} MB");
    assert!(
        peak_mb > 1.0 && peak_mb <= INSPECT_PEAK_MB,
        "inspect: peak resident size {peak_mb:.0} MB, allowed {INSPECT_PEAK_MB} MB"
    );

    let began = Instant::now();
    let mut run = start(&lake.args(&["run", text(&file)]), File::create(&log).unwrap());
    let peak_mb = peak_resident_mb(&mut run);
    let status = run.wait().unwrap();
    assert!(status.success(), "{}", fs::read_to_string(&log).unwrap());
    println!(
        "24 hours, 2 leads: peak resident {peak_mb:.0} MB, {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert!(
        peak_mb > 1.0 && peak_mb <= PEAK_MB,
        "peak resident size {peak_mb:.0} MB, allowed {PEAK_MB} MB"
    );

    // Objects of this size are files; what the steps left for each other is gone.
    let work = lake
        .path()
        .join("work")
        .join(lake.runs()[0]["execution"].as_str().unwrap());
    let left: Vec<_> = fs::read_dir(work)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["verdict.json"]);

    assert_eq!(lake.count("select count(*) from segments"), 2 * 8640);
    assert_eq!(lake.count("select sum(samples) from segments"), 2 * 86_400 * 360);
    let known: Value = serde_json::from_slice(&fs::read(&known).unwrap()).unwrap();
    let known: Vec<u64> = known["day.mat"]["beats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|beat| beat.as_u64().unwrap())
        .collect();
    for lead in 0..2 {
        let rows = lake.query(&format!(
            "select sample from beats where lead = {lead} order by sample"
        ));
        let detected: Vec<u64> = rows.iter().map(|row| row["sample"].as_u64().unwrap()).collect();
        // 54 samples are 150 ms at 360 Hz.
        let score = Score::of(&known, &detected, 54);
        let (sensitivity, predictivity) = (score.sensitivity(), score.positive_predictivity());
        println!(
            "lead {lead}: {} known beats, {} detected, {sensitivity:.3} / {predictivity:.3} %",
            score.known, score.detected
        );
        assert!(
            sensitivity > 99.5 && predictivity > 99.5,
            "lead {lead}: {sensitivity:.3} / {predictivity:.3} %"
        );
    }
}
