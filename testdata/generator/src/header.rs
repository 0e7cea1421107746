//! The WFDB header beside a recording.
//!
//! Source: header(5) of the WFDB Applications Guide, <https://physionet.org/physiotools/wag/header-5.htm>.

use crate::args::{ByteOrder, Class, Format, Layout, Units};
use crate::samples::StoredLead;
use crate::settings::Settings;
use crate::{mat4, waves};
use std::fmt::Write as _;

/// The text of the header for a recording in `file_name`.
///
/// The storage format is one that WFDB software can read where the file allows it (a WFDB signal file; level 4, leads x
/// samples, a class that WFDB knows), and 0 otherwise: then the header gives only the calibration.
pub fn header_text(settings: &Settings, file_name: &str) -> String {
    let record = file_name.rsplit_once('.').map_or(file_name, |(record, _)| record);
    let mut text = format!(
        "{record} {} {} {}\n",
        settings.leads, settings.sampling_frequency_hz, settings.samples
    );
    let little = settings.byte_order == ByteOrder::Little;
    // Byte offset and number of the format.
    let offset = match settings.format {
        Format::Wfdb16 | Format::Wfdb212 => 0,
        _ => mat4::header_bytes(&settings.variable),
    };
    let format = match (settings.format, settings.layout, settings.class) {
        (Format::Wfdb16, ..) => 16,
        (Format::Wfdb212, ..) => 212,
        (Format::Mat4, Layout::LeadsXSamples, Class::Int16) if little => 16,
        (Format::Mat4, Layout::LeadsXSamples, Class::Int16) => 61,
        (Format::Mat4, Layout::LeadsXSamples, Class::Int32) if little => 32,
        _ => 0,
    };
    let format = match format {
        number if number == 0 || offset == 0 => number.to_string(),
        number => format!("{number}+{offset}"),
    };
    for lead in 0..settings.leads {
        let mut first = [0.0];
        StoredLead::new(settings, lead).fill(&mut first);
        let initial = match settings.units {
            Units::Adu if first[0].is_nan() && format == "212" => -2048.0,
            Units::Adu if first[0].is_nan() => f64::from(i16::MIN),
            Units::Adu => first[0],
            Units::Mv => 0.0,
        };
        // File, format, gain(baseline)/units, resolution, zero, first value, checksum (not given), block
        // size, description.
        let _ = writeln!(
            text,
            "{file_name} {format} {gain}({zero})/mV {bits} {zero} {initial} 0 0 {name}",
            gain = settings.gain,
            zero = settings.baseline,
            bits = settings.adc_bits,
            name = waves::lead_name(lead),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::settings;

    #[test]
    fn the_form_of_a_physionet_export() {
        let settings = settings("--leads 2 --duration 30m --noise-mv 0");
        let text = header_text(&settings, "100m.mat");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "100m 2 360 648000");
        let fields: Vec<&str> = lines[1].split(' ').collect();
        assert_eq!(fields[..5], ["100m.mat", "16+24", "200(1024)/mV", "11", "1024"]);
        assert_eq!(fields[6..], ["0", "0", "MLII"]);
        assert!(lines[2].ends_with(" V5"));
    }

    #[test]
    fn a_record_of_wfdb() {
        let text = header_text(&settings("--format wfdb212 --gap 0s+1s"), "x.dat");
        assert_eq!(
            text,
            "x 1 360 3600\nx.dat 212 200(1024)/mV 11 1024 -2048 0 0 MLII\n"
        );
    }

    #[test]
    fn what_wfdb_cannot_read_has_format_0() {
        let text = header_text(&settings("--class double --sampling-frequency 250.5"), "x.mat");
        assert_eq!(text, "x 1 250.5 2505\nx.mat 0 1(0)/mV 0 0 0 0 0 MLII\n");
    }
}
