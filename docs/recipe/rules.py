"""The limits of the recipe: the sampling frequency, the length of a segment, and where a label begins.

The same numbers are in shared/core/src/rules.rs, which says more about each. A test holds the two equal.
To try another limit: `process(..., rules=RULES._replace(label_ksqi_below=5.0))`.
"""

from typing import NamedTuple


class Rules(NamedTuple):
    version: str = "2"                          # raised with every change of a number
    segment_s: float = 10.0                     # s
    reject_sampling_frequency_hz_below: float = 50.0
    reject_sampling_frequency_hz_above: float = 20_000.0
    label_flat_s_from: float = 0.5              # s
    label_saturated_run_from: int = 5           # samples
    label_amplitude_mv_above: float = 5.0       # mV
    label_peak_to_peak_mv_below: float = 0.1    # mV
    label_peak_to_peak_mv_above: float = 10.0   # mV
    label_beats_below: int = 3                  # beats in a full segment
    label_heart_rate_bpm_below: float = 30.0    # 1/min
    label_heart_rate_bpm_above: float = 220.0   # 1/min
    label_ksqi_below: float = 3.0
    label_psqi_below: float = 0.35
    label_psqi_above: float = 0.99
    label_bassqi_below: float = 0.2
    label_sqi_below: float = 0.8


RULES = Rules()
