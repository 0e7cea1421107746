//! Step 2: calibrate to millivolts.

/// What turns ADC units into millivolts, from the recording's header or profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// ADC units per millivolt; finite and not zero (negative for an inverted lead).
    pub gain: f64,
    /// The ADC value that means 0 mV; finite.
    pub baseline: f64,
}

impl Calibration {
    /// Millivolts of a value in ADC units. They are NaN or infinite where the value is, and where no f32 can hold
    /// them, as a float file may have it: such a sample counts as missing.
    ///
    /// Formula: `mV = (adu - baseline) / gain`, computed in f64 and stored as f32. The signal is stored
    /// unfiltered; filters exist only inside the search for beats.
    ///
    /// Source: WFDB Applications Guide, header(5), "ADC gain" and "baseline".
    pub(crate) fn to_mv(self, adu: f64) -> f32 {
        ((adu - self.baseline) / self.gain) as f32
    }

    /// Whether it gives millivolts: the gain is not zero, and both numbers are finite.
    pub(crate) fn is_valid(self) -> bool {
        self.gain.is_finite() && self.gain != 0.0 && self.baseline.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let mitdb = Calibration {
            gain: 200.0,
            baseline: 1024.0,
        };
        assert_eq!(mitdb.to_mv(1024.0), 0.0);
        assert_eq!(mitdb.to_mv(1224.0), 1.0);
        assert_eq!(mitdb.to_mv(995.0), -0.145);
        let inverted = Calibration {
            gain: -1000.0,
            baseline: 0.0,
        };
        assert_eq!(inverted.to_mv(500.0), -0.5);
    }

    #[test]
    fn what_no_f32_can_hold_is_missing() {
        let calibration = Calibration {
            gain: 1.0,
            baseline: 0.0,
        };
        assert!(calibration.to_mv(-3.0e38).is_finite());
        for adu in [1e39, -1e300, f64::NAN, f64::INFINITY] {
            assert!(!calibration.to_mv(adu).is_finite(), "{adu}");
        }
    }

    #[test]
    fn impossible_calibrations_are_not_valid() {
        for (gain, baseline) in [(0.0, 0.0), (f64::NAN, 0.0), (200.0, f64::INFINITY)] {
            assert!(!Calibration { gain, baseline }.is_valid(), "{gain} {baseline}");
        }
    }
}
