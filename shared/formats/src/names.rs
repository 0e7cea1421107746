//! Names of the contents that say something of the samples; compared without regard to case.

use crate::Content;

/// The sampling frequency.
pub const FREQUENCY: &[&str] = &[
    "fs",
    "sampling_frequency",
    "sampling_frequency_hz",
    "sampling_rate",
    "sample_rate",
    "freq",
];
/// The ADC gain.
pub const GAIN: &[&str] = &["gain", "adc_gain"];
/// The ADC value of 0.
pub const BASELINE: &[&str] = &["baseline", "adc_zero"];
/// The physical unit.
pub const UNITS: &[&str] = &["units", "unit"];
/// The names of the leads.
pub const LEADS: &[&str] = &["lead_names", "leads", "lead"];
/// Who was recorded.
pub const SUBJECT: &[&str] = &["subject_id"];
/// What recorded it.
pub const DEVICE: &[&str] = &["device_id"];
/// When the recording begins.
pub const RECORDED: &[&str] = &["recorded_at"];
/// The age of who was recorded.
pub const AGE: &[&str] = &["age"];
/// The sex of who was recorded.
pub const SEX: &[&str] = &["sex"];
/// The time of each sample.
pub const TIMES: &[&str] = &["t", "time", "timestamps"];

/// The first of the names that one of the contents has which is none of `samples`. Their order in the file does not count:
/// level 7.3 has its own.
pub fn find(contents: &[Content], samples: &[usize], names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| {
        let named = |index: &usize| contents[*index].name.eq_ignore_ascii_case(name);
        (0..contents.len()).find(|index| !samples.contains(index) && named(index))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_names_counts_and_not_that_of_the_file() {
        let content = |name: &str| Content {
            name: name.to_owned(),
            class: "double".to_owned(),
            numbers: None,
            dims: vec![1, 1],
            complex: false,
            compressed: false,
            offset: 0,
        };
        // `freq` may be that of the mains.
        let contents = ["freq", "FS", "fs"].map(content);
        assert_eq!(find(&contents, &[], FREQUENCY), Some(1));
        assert_eq!(find(&contents, &[1], FREQUENCY), Some(2));
        assert_eq!(find(&contents, &[1, 2], FREQUENCY), Some(0));
    }

    #[test]
    fn the_document_has_every_name() {
        let document = include_str!("../../../docs/inputs.md");
        let settings = [FREQUENCY, GAIN, BASELINE, UNITS, LEADS, TIMES].concat();
        for name in [settings, [SUBJECT, DEVICE, RECORDED, AGE, SEX].concat()].concat() {
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
    }
}
