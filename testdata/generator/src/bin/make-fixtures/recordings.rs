//! Recordings that the pipeline accepts.

use ecg_synth::rhythm::known_beats;
use ecg_synth::{Settings, header_text};
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

/// Path and `ecg synth` arguments. The folders `<n> <label>` follow the pattern of the public example data
/// set, so that its profile gives the calibration, the label, the record and the fragment.
const RECORDINGS: [(&str, &str); 16] = [
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
