//! EDF: a header in ASCII, then data records with the samples of one signal after the other.
//!
//! Source: Kemp et al., *A simple format for exchange of digitized polygraphic recordings*, Electroencephalography and
//! Clinical Neurophysiology 82, 1992.

use crate::samples::StoredLead;
use crate::settings::Settings;
use crate::{SynthError, waves};
use std::io::{self, Write};

/// Most characters of a number.
const NUMBER_WIDTH: usize = 8;

/// The label of the signal that holds annotations in EDF+.
pub const ANNOTATIONS: &str = "EDF Annotations";

/// Patient, recording, date and time of the start, where nobody was recorded: what EDF+ has for unknown.
pub const NOBODY: [&str; 4] = ["X X X X", "Startdate X X X X", "01.01.85", "00.00.00"];

/// One signal of a file.
#[derive(Debug, Clone)]
pub struct EdfSignal {
    /// What it is, such as `ECG II`: at most 16 characters.
    pub label: String,
    /// Its unit: at most 8 characters.
    pub units: &'static str,
    /// The physical values of the digital ones.
    pub physical: (f64, f64),
    /// The smallest and largest stored number.
    pub digital: (i16, i16),
    /// Samples in a data record, which is one second.
    pub samples_per_record: usize,
}

/// The leads of a recording as signals.
pub fn leads(settings: &Settings) -> Vec<EdfSignal> {
    let (low, high) = settings.adc_range;
    let millivolts = |value: f64| (value - f64::from(settings.baseline)) / settings.gain;
    let lead = |lead: usize| EdfSignal {
        label: format!("ECG {}", waves::lead_name(lead)),
        units: "mV",
        physical: (millivolts(low), millivolts(high)),
        digital: (low as i16, high as i16),
        samples_per_record: settings.sampling_frequency_hz as usize,
    };
    (0..settings.leads).map(lead).collect()
}

/// What an EDF file of records of one second cannot hold.
pub(crate) fn check(settings: &Settings) -> Result<(), SynthError> {
    let frequency = settings.sampling_frequency_hz;
    if frequency.fract() != 0.0 {
        let found = format!("{frequency} Hz");
        return Err(SynthError::argument(
            "--sampling-frequency",
            "whole Hz in an EDF file",
            found,
        ));
    }
    if !settings.samples.is_multiple_of(frequency as u64) {
        let found = format!("{} s", settings.samples as f64 / frequency);
        return Err(SynthError::argument(
            "--duration",
            "whole seconds in an EDF file",
            found,
        ));
    }
    if !settings.gaps.is_empty() {
        let expected = "none, as EDF has no value for a missing sample";
        return Err(SynthError::argument("--gap", expected, "a gap"));
    }
    for signal in leads(settings) {
        for value in [signal.physical.0, signal.physical.1] {
            if value.to_string().len() > NUMBER_WIDTH {
                let expected = format!("a range in mV that can be written in {NUMBER_WIDTH} characters");
                return Err(SynthError::argument("--gain", expected, value));
            }
        }
    }
    Ok(())
}

/// Writes a recording of leads.
///
/// # Errors
/// Those of the sink.
pub fn write(settings: &Settings, sink: &mut dyn Write) -> io::Result<()> {
    let signals = leads(settings);
    let records = settings.samples / settings.sampling_frequency_hz as u64;
    write_header(sink, NOBODY, "", records, &signals)?;
    let mut leads: Vec<StoredLead> = (0..settings.leads)
        .map(|lead| StoredLead::new(settings, lead))
        .collect();
    let mut record = vec![0.0; settings.sampling_frequency_hz as usize];
    for _ in 0..records {
        for lead in &mut leads {
            lead.fill(&mut record);
            write_samples(sink, &record)?;
        }
    }
    Ok(())
}

/// Writes a header. `origin` is patient, recording, date and time of the start; `reserved` is empty, or `EDF+C` for a continuous EDF+ file.
///
/// # Errors
/// Those of the sink.
pub fn write_header(
    sink: &mut dyn Write,
    [patient, recording, date, time]: [&str; 4],
    reserved: &str,
    records: u64,
    signals: &[EdfSignal],
) -> io::Result<()> {
    let bytes = (signals.len() + 1) * 256;
    write!(sink, "{:8}{patient:80}{recording:80}", "0")?;
    write!(sink, "{date:8}{time:8}{bytes:<8}{reserved:44}")?;
    write!(sink, "{records:<8}{:8}{:<4}", "1", signals.len())?;
    let mut column = |width: usize, text: &dyn Fn(&EdfSignal) -> String| {
        signals
            .iter()
            .try_for_each(|signal| write!(sink, "{:width$}", text(signal)))
    };
    column(16, &|signal| signal.label.clone())?;
    column(80, &|_| String::new())?;
    column(8, &|signal| signal.units.to_owned())?;
    column(NUMBER_WIDTH, &|signal| signal.physical.0.to_string())?;
    column(NUMBER_WIDTH, &|signal| signal.physical.1.to_string())?;
    column(NUMBER_WIDTH, &|signal| signal.digital.0.to_string())?;
    column(NUMBER_WIDTH, &|signal| signal.digital.1.to_string())?;
    column(80, &|_| String::new())?;
    column(8, &|signal| signal.samples_per_record.to_string())?;
    column(32, &|_| String::new())
}

/// Writes the samples of one signal in one record.
///
/// # Errors
/// Those of the sink.
pub fn write_samples(sink: &mut dyn Write, samples: &[f64]) -> io::Result<()> {
    let bytes: Vec<u8> = samples
        .iter()
        .flat_map(|sample| (*sample as i16).to_le_bytes())
        .collect();
    sink.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::settings;

    #[test]
    fn the_bytes_of_two_seconds() {
        let settings = settings("--format edf --leads 2 --duration 2s --sampling-frequency 100");
        let mut file = Vec::new();
        write(&settings, &mut file).unwrap();
        assert_eq!(file.len(), 3 * 256 + 2 * 2 * 2 * 100);
        let text = |place: usize, width: usize| std::str::from_utf8(&file[place..place + width]).unwrap();
        assert_eq!(text(184, 8), "768     ");
        assert_eq!(text(236, 20), "2       1       2   ");
        assert_eq!(text(256, 32), "ECG MLII        ECG V5          ");
        assert_eq!(text(256 + 2 * 104, 16), "-5.12   -5.12   ");
        assert_eq!(text(256 + 2 * 112, 16), "5.115   5.115   ");
        assert_eq!(text(256 + 2 * 120, 32), "0       0       2047    2047    ");
    }
}
