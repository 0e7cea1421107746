"""Step 3, numbers 1 to 3 and 7: places that may be a QRS complex, each with its R peak.

Two moving means of the band-passed energy, one as long as a QRS complex and one as long as a beat (Elgendi 2013, "Fast
QRS detection with an optimized knowledge-based method", PLoS ONE 8:e73557): where the short one is above the long one
there is a block, and its highest point is a candidate. Lengths are in seconds, so that one code serves every sampling
frequency.
"""

from typing import NamedTuple

import numpy as np

# The moving means of the band-pass, in s: largest near 10 Hz, half at about 5 and 20 Hz, below a tenth at 50 and 60 Hz.
# The band of 8 to 20 Hz is Elgendi's; moving means as in Pan and Tompkins (1985, IEEE Trans Biomed Eng 32:230), because
# they are symmetric and shift nothing.
LOW_PASS_S = 0.025
BAND_PASS_BASELINE_S = 0.080
# The short moving mean, a QRS complex, in s. Elgendi: 0.097.
QRS_S = 0.097
# The long moving mean, a beat, in s. Elgendi: 0.611. Longer separates better together with the contrast.
BEAT_S = 0.65
# Short mean / long mean that a block must reach somewhere. Elgendi adds 8 % of the mean energy of the whole recording
# to the long mean instead, which a stream does not know. A QRS complex reaches up to 6; flutter and noise stay at 1 to 2.
CONTRAST = 2.5
# The same for fast rhythms, whose long mean holds two beats or more, if the energy around the block is low. Not
# published.
CONTRAST_OF_FAST_BEATS = 2.0
# Energy of the block / least energy within R_PEAK_WITHIN_S before, and after. Not published; flutter has no low energy
# in between.
LOW_ENERGY_RATIO = 30.0
# An unclear candidate has at least this contrast, and energy / least energy on either side. Not published.
UNCLEAR_CONTRAST = 1.5
UNCLEAR_LOW_ENERGY_RATIO = 3.0
# So many candidates in a row, clear or not, are a fast regular rhythm if their intervals are at most this long, in s, and
# intervals and amplitudes are within these shares of their medians. Not published. Below 167 per minute the contrast is
# enough, and ventricular flutter is seldom as even.
RUN_BEATS = 8
RUN_INTERVAL_S = 0.36
RUN_INTERVALS_WITHIN = 0.1
RUN_AMPLITUDES_WITHIN = 0.3
# A candidate this soon after another one, in s, may be its T wave. Pan and Tompkins (1985): 0.36.
T_WAVE_S = 0.36
# It is one if its slope is below this share of the other's. Pan and Tompkins: 0.5.
T_WAVE_SLOPE = 0.4
# The R peak is at most so far from the middle of the energy, in s. Not published.
R_PEAK_WITHIN_S = 0.13
# The moving mean of its band-pass, in s, in place of BAND_PASS_BASELINE_S. Not published: of such bands the one whose largest
# peak agrees best with annotated R peaks.
R_BASELINE_S = 0.06
# From there the R peak is at most so far, in s. Not published.
R_PEAK_SHIFT_S = 0.01
# The moving mean that is the local baseline of templates, in s. Not published; it removes T waves.
LOCAL_BASELINE_S = 0.2
# The slope of a candidate is measured on a moving mean of this, in s. Not published: Pan and Tompkins take the slope of the
# band-passed signal, in which a narrow QRS complex is hardly steeper than a tall T wave.
SLOPE_SMOOTHED_S = 0.01
# A longer block is cut, in s: no QRS complex is longer. Not published.
LONGEST_BLOCK_S = 1.0


class Candidate(NamedTuple):
    at: int             # sample in the middle of the energy
    amplitude: float    # root of the short moving mean there, in mV
    slope: float        # steepest slope within R_PEAK_WITHIN_S, in mV per sample
    r_sample: int       # the R peak
    clear: bool         # it has the contrast of a QRS complex


def in_samples(seconds, sampling_frequency_hz):
    return int(np.floor(seconds * sampling_frequency_hz + 0.5))


def odd_length(seconds, sampling_frequency_hz):
    """The odd number of samples nearest to a length in seconds."""
    return 2 * max(int(np.floor((seconds * sampling_frequency_hz - 1) / 2 + 0.5)), 0) + 1


def moving_mean(x, length):
    """The mean of the `length` samples around each sample; before and after the signal its end values are held."""
    return np.convolve(np.pad(x, length // 2, mode="edge"), np.ones(length), mode="valid") / length


def qrs_signals(mv, sampling_frequency_hz):
    """What the search for candidates looks at: arrays as long as the signal, with one second before it and one after it,
    which is more than the filters together reach.
    """
    fs = sampling_frequency_hz
    around = int(np.ceil(fs))
    x = np.pad(mv.astype(float), around, mode="edge")
    smoothed = moving_mean(moving_mean(x, odd_length(LOW_PASS_S, fs)), odd_length(LOW_PASS_S, fs))
    lightly_smoothed = moving_mean(x, odd_length(SLOPE_SMOOTHED_S, fs))
    baseline_length = odd_length(BAND_PASS_BASELINE_S, fs)
    r_baseline_length = odd_length(R_BASELINE_S, fs)
    baseline = moving_mean(moving_mean(smoothed, baseline_length), baseline_length)
    energy = (smoothed - baseline) ** 2
    return {
        "around": around,
        "qrs_energy": moving_mean(energy, odd_length(QRS_S, fs)),
        "beat_energy": moving_mean(energy, odd_length(BEAT_S, fs)),
        "slope": np.abs(np.diff(lightly_smoothed, prepend=lightly_smoothed[0])),
        "r_band": smoothed - moving_mean(moving_mean(smoothed, r_baseline_length), r_baseline_length),
    }


def blocks_of(above, longest):
    """First sample and end of each run of True; longer runs are cut after `longest` samples."""
    edges = np.flatnonzero(np.diff(above, prepend=False, append=False))
    for start, end in zip(edges[::2], edges[1::2]):
        for cut in range(start, end, longest):
            yield cut, min(cut + longest, end)


def is_fast_rhythm(run, longest):
    """Whether candidates follow each other, at most `longest` samples apart, like the beats of a fast regular rhythm."""
    intervals = np.diff([candidate.r_sample for candidate in run])
    amplitudes = np.array([candidate.amplitude for candidate in run])
    usual, height = np.sort(intervals)[intervals.size // 2], np.sort(amplitudes)[amplitudes.size // 2]
    return (
        usual <= longest
        and np.all(np.abs(intervals - usual) <= RUN_INTERVALS_WITHIN * usual)
        and np.all(np.abs(amplitudes - height) <= RUN_AMPLITUDES_WITHIN * height)
    )


def without_unclear(candidates, sampling_frequency_hz):
    """Of the unclear candidates only those of a fast regular rhythm, and those whose T wave is a clear candidate."""
    fs = sampling_frequency_hz
    longest = RUN_INTERVAL_S * fs
    admitted = [candidate.clear for candidate in candidates]
    for end in range(RUN_BEATS, len(candidates) + 1):
        run = slice(end - RUN_BEATS, end)
        if is_fast_rhythm(candidates[run], longest):
            admitted[run] = [True] * RUN_BEATS
    for n, candidate in enumerate(candidates):
        for before in range(n - 1, -1, -1):
            if not candidate.clear or candidate.at - candidates[before].at >= in_samples(T_WAVE_S, fs):
                break
            admitted[before] |= candidate.slope < T_WAVE_SLOPE * candidates[before].slope
    return [candidate for candidate, is_admitted in zip(candidates, admitted) if is_admitted]


def find_candidates(mv, sampling_frequency_hz, decisions=None):
    """The candidates of a lead, in order.

    Each comparison that decides is appended to the list `decisions`, if one is given, as (sample of the candidate, rule,
    value, limit).
    """
    if mv.size == 0:
        return []
    signals = qrs_signals(mv, sampling_frequency_hz)
    around = signals["around"]
    inside = slice(around, around + mv.size)
    qrs_energy, beat_energy = signals["qrs_energy"], signals["beat_energy"][inside]
    slope, r_band = signals["slope"][inside], signals["r_band"][inside]
    fs = sampling_frequency_hz
    r_peak_within, r_peak_shift = int(R_PEAK_WITHIN_S * fs), in_samples(R_PEAK_SHIFT_S, fs)
    contrast = qrs_energy[inside] / np.maximum(beat_energy, np.finfo(float).tiny)

    def reaches(at, rule, value, limit):
        if decisions is not None:
            decisions.append((at, rule, value, limit))
        return value >= limit

    candidates = []
    longest = int(np.ceil(LONGEST_BLOCK_S * fs)) + 1
    for start, end in blocks_of(qrs_energy[inside] > beat_energy, longest):
        at = int(start + np.argmax(qrs_energy[inside][start:end]))
        peak = qrs_energy[around + at]
        highest = contrast[start:end].max()

        # 3. Contrast; or less of it, and low energy on both sides. The second side may lie after the end of the signal.
        clear = bool(reaches(at, "contrast", highest, CONTRAST))
        if not clear:
            if not reaches(at, "contrast of an unclear candidate", highest, UNCLEAR_CONTRAST):
                continue
            before = qrs_energy[around + max(at - r_peak_within, 0) : around + at + 1].min()
            after = qrs_energy[around + at : around + at + r_peak_within + 1].min()
            if not reaches(at, "low energy around an unclear candidate", peak, UNCLEAR_LOW_ENERGY_RATIO * max(before, after)):
                continue
            clear = reaches(at, "contrast of fast beats", highest, CONTRAST_OF_FAST_BEATS) and reaches(
                at, "low energy", peak, LOW_ENERGY_RATIO * max(before, after)
            )

        # 7. R peak: the largest peak or valley of a narrower band, and there that of the signal. No polarity is guessed.
        near = slice(max(at - r_peak_within, 0), at + r_peak_within + 1)
        height = np.abs(r_band[near])
        middle = near.start + int(np.argmax(height))
        reaches(at, "R peak", height.max(), np.delete(height, middle - near.start).max(initial=0.0))
        around_middle = slice(max(middle - r_peak_shift, 0), middle + r_peak_shift + 1)
        r_sample = around_middle.start + int(np.argmax(np.sign(r_band[middle]) * mv[around_middle]))
        candidates.append(Candidate(at, float(np.sqrt(peak)), float(slope[near].max()), r_sample, bool(clear)))
    return without_unclear(candidates, fs)
