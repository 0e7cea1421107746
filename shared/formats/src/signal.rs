//! What the formats of signals side by side (WFDB, EDF) have in common: a list of signals, each with its own calibration.

/// One signal of a file. A physical value is `(sample - baseline) / gain`.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalInfo {
    /// Its name as the file has it, without the blanks around it. It may be empty, and two signals may have the same.
    pub name: String,
    /// Number of samples.
    pub samples: u64,
    /// Sampling frequency in Hz.
    pub sampling_frequency_hz: f64,
    /// Bits of a sample.
    pub bits: u32,
    /// ADC gain in adu per physical unit, never 0.
    pub gain: f64,
    /// ADC value at 0 physical units. EDF may put it between two ADC values.
    pub baseline: f64,
    /// Physical unit as the file has it. Empty where an EDF file has none.
    pub units: String,
}

/// Units per mV, `None` for what is no unit of voltage.
pub fn units_per_millivolt(units: &str) -> Option<f64> {
    match units.trim().to_ascii_lowercase().as_str() {
        "mv" | "millivolt" | "millivolts" => Some(1.0),
        "uv" | "µv" | "μv" | "microvolt" | "microvolts" => Some(1e3),
        "nv" | "nanovolt" | "nanovolts" => Some(1e6),
        "v" | "volt" | "volts" => Some(1e-3),
        _ => None,
    }
}
