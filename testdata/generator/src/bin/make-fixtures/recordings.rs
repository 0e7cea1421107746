//! Recordings that the pipeline accepts.

use ecg_synth::edf::{ANNOTATIONS, EdfSignal, leads, write_header, write_samples};
use ecg_synth::rhythm::known_beats;
use ecg_synth::samples::StoredLead;
use ecg_synth::{Settings, header_text};
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

/// Path and `ecg synth` arguments. The folders `<n> <label>` follow the pattern of the public example data
/// set, so that its profile gives the calibration, the label, the record and the fragment.
const RECORDINGS: [(&str, &str); 20] = [
    (
        "1 NSR/900m (0).mat",
        "--calibration none --seed 900 --wander-mv 0.05",
    ),
    (
        "1 NSR/900m (1).mat",
        "--calibration none --seed 901 --wander-mv 0.15 --hum-mv 0.02 --hum-hz 60",
    ),
    (
        "4 AFIB/901m (0).mat",
        "--calibration none --seed 902 --rhythm atrial-fibrillation",
    ),
    (
        "7 PVC/902m (0).mat",
        "--calibration none --seed 3 --rhythm ectopic --wander-mv 0.05",
    ),
    (
        "18 SBR/903m (0).mat",
        "--calibration none --seed 904 --rhythm bradycardia",
    ),
    (
        "19 ST/904m (0).mat",
        "--calibration none --seed 905 --rhythm tachycardia",
    ),
    ("header/two-leads.mat", "--leads 2 --seed 906 --duration 20s"),
    ("header/gain-0.mat", "--seed 907"),
    (
        "formats/level4-big-endian.mat",
        "--seed 908 --byte-order big --calibration variables",
    ),
    (
        "formats/level5.mat",
        "--seed 909 --format mat5 --calibration variables",
    ),
    (
        "formats/level5-compressed.mat",
        "--seed 910 --format mat5-compressed --leads 2 --class int32 --calibration variables",
    ),
    (
        "formats/level73.mat",
        "--seed 911 --format mat73 --calibration variables",
    ),
    (
        "formats/samples-x-leads-double-mv.mat",
        "--seed 912 --format mat5 --class double --layout samples-x-leads --leads 2 --duration 8s
         --sampling-frequency 250 --calibration variables --variable ecg",
    ),
    ("warn/gap.mat", "--seed 913 --gap 4s+300ms"),
    ("warn/flat.mat", "--seed 914 --flat 6s+1500ms"),
    ("warn/saturated.mat", "--seed 915 --saturate 0.7"),
    ("wfdb/format16.dat", "--seed 916 --format wfdb16 --gap 4s+300ms"),
    ("wfdb/format212.dat", "--seed 917 --format wfdb212 --leads 2"),
    ("edf/two-leads.edf", "--seed 918 --format edf --leads 2"),
    // Becomes an EDF+ file of more than the ECG: see `night`.
    (
        "edf/night.edf",
        "--seed 919 --format edf --sampling-frequency 250",
    ),
];

/// Writes all recordings and `beats.json` into `folder`.
pub(crate) fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut beats = String::from("{\n");
    for (index, (name, words)) in RECORDINGS.iter().enumerate() {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        let (args, _) = super::synth(&path, words)?;
        let settings = Settings::new(&args)?;
        if *name == "header/gain-0.mat" {
            // Gain 0 means 200 ADC units per mV; a missing baseline is the zero of the ADC, here 1024.
            let text = header_text(&settings, "gain-0.mat").replace("200(1024)/mV", "0");
            std::fs::write(path.with_extension("hea"), text)?;
        }
        if *name == "wfdb/format212.dat" {
            // The start, and a comment of the form of the MIT-BIH database. Nobody was recorded.
            let text = header_text(&settings, "format212.dat");
            let (record, signals) = text.split_once('\n').ok_or("a header of one line")?;
            let text = format!("{record} 12:30:00 25/04/1989\n{signals}# 69 M 1085 1629 x1\n");
            std::fs::write(path.with_extension("hea"), text)?;
        }
        if *name == "edf/night.edf" {
            std::fs::write(&path, night(&settings)?)?;
        }
        let comma = if index == 0 { "" } else { ",\n" };
        let samples: Vec<String> = known_beats(&settings).map(|beat| beat.to_string()).collect();
        write!(
            beats,
            "{comma}  \"{name}\": {{\"beats\": [{}]}}",
            samples.join(", ")
        )?;
    }
    beats.push_str("\n}\n");
    std::fs::write(folder.join("beats.json"), beats)?;
    Ok(())
}

/// A lead between an EEG and the breathing, which are no ECG and have other sampling frequencies, and the annotations of an
/// EDF+ file.
fn night(settings: &Settings) -> Result<Vec<u8>, Box<dyn Error>> {
    let signal = |label: &str, units, physical, samples_per_record| EdfSignal {
        label: label.to_owned(),
        units,
        physical,
        digital: (-2048, 2047),
        samples_per_record,
    };
    let mut signals = leads(settings);
    signals.insert(0, signal("EEG Fpz-Cz", "uV", (-204.8, 204.7), 100));
    signals.push(signal("Resp thorax", "l", (-1.0, 1.0), 10));
    signals.push(EdfSignal {
        digital: (i16::MIN, i16::MAX),
        ..signal(ANNOTATIONS, "", (-1.0, 1.0), 10)
    });
    let frequency = settings.sampling_frequency_hz as u64;
    let records = settings.samples / frequency;
    let mut file = Vec::new();
    // A subject that does not exist.
    let origin = [
        "P017 F 02-MAY-1951 X",
        "Startdate 02-MAR-2002 X X Recorder-12",
        "02.03.02",
        "22.05.00",
    ];
    write_header(&mut file, origin, "EDF+C", records, &signals)?;
    let mut lead = StoredLead::new(settings, 0);
    let mut ecg = vec![0.0; frequency as usize];
    // Triangles, which need no mathematical function.
    let triangle = |place: u64, period: u64, height: f64| {
        let phase = (place % period) as f64 / period as f64;
        (height * (1.0 - 4.0 * (phase - 0.5).abs())).round()
    };
    for record in 0..records {
        let eeg: Vec<f64> = (0..100)
            .map(|place| triangle(record * 100 + place, 10, 500.0))
            .collect();
        write_samples(&mut file, &eeg)?;
        lead.fill(&mut ecg);
        write_samples(&mut file, &ecg)?;
        let breath: Vec<f64> = (0..10)
            .map(|place| triangle(record * 10 + place, 40, 1000.0))
            .collect();
        write_samples(&mut file, &breath)?;
        // The time at which the record begins, which EDF+ wants in each; 20 bytes.
        let mut times = format!("+{record}\u{14}\u{14}\0").into_bytes();
        times.resize(20, 0);
        file.extend(times);
    }
    Ok(file)
}
