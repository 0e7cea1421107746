"""Step 3, number 8: how well each beat correlates with the earlier beats of its kind, for the quality index `template_corr`.

Each kind has a template, the running average of its beats (Hamilton 2002, "Open source ECG analysis", Computers in
Cardiology 29:101, has templates for the classification of beats). A beat is shifted along the templates to where it
correlates best (Jané et al. 1991, "Alignment methods for averaging of high-resolution cardiac signals", IEEE Trans
Biomed Eng 38:571). The correlation says how noisy the beat is (Orphanidou et al. 2015, "Signal-quality indices for the
electrocardiogram and photoplethysmogram", IEEE J Biomed Health Inform 19:832).
"""

import numpy as np

from step3_qrs_candidates import LOCAL_BASELINE_S, moving_mean, odd_length

# The signal is smoothed over this, in s, before one sample of it is taken per STEP_S: less than a wave, more than a step.
SMOOTHED_S = 0.015
# Templates have one value per step, in s. The cost of a beat falls with the square of the step.
STEP_S = 0.01
# A template reaches so far to both sides, in s: the QRS complex, the end of the P wave and the ST segment; less than the
# distance of beats up to 300 per minute.
TEMPLATE_S = 0.2
# A beat is tried at shifts up to this, in s: the middle of its energy may be in another lobe, or in a pacing spike.
LARGEST_SHIFT_S = 0.1
# A beat is of a kind from this correlation on. Not published.
SAME_KIND = 0.9
# Kinds that are remembered; the one without a beat for longest is given up for a new one. Not published.
KINDS = 8
# A template is the mean of its beats up to this number, then a running mean with this weight. Not published.
AVERAGED_BEATS = 16
# A window or a template shorter than this, as a vector in mV, is flat but for rounding.
FLAT_MV = 1e-9


class Kind:
    def __init__(self, template, at, number):
        self.template, self.beats, self.latest, self.number = template, 1, at, number


def normalized(windows):
    """Each row less its mean, divided by its length. A flat row becomes 0, so that it correlates with nothing."""
    less_mean = windows - windows.mean(axis=-1, keepdims=True)
    length = np.sqrt(np.sum(less_mean**2, axis=-1, keepdims=True))
    return less_mean / np.where(length > FLAT_MV, length, np.inf)


def best_shift(correlations):
    """The highest correlation, and where it is, in steps: a parabola through it and its neighbours."""
    at = int(np.argmax(correlations))
    shift = float(at)
    if 0 < at < correlations.size - 1:
        before, here, after = correlations[at - 1 : at + 2]
        curvature = before - 2 * here + after
        if curvature < 0:
            shift += 0.5 * (before - after) / curvature
    return float(correlations[at]), shift


def template_correlations(beats, mv, sampling_frequency_hz):
    """For each beat of a lead, given as its candidate, the highest of Pearson's correlations with the templates of the
    beats before it, at any shift; None for the first beat. And its kind: the number of the beat that began it.
    """
    if not beats:
        return [], []
    fs = sampling_frequency_hz
    step = max(int(np.floor(STEP_S * fs + 0.5)), 1)
    reach, shifts = (int(np.floor(seconds * fs / step + 0.5)) for seconds in (TEMPLATE_S, LARGEST_SHIFT_S))
    template_steps = step * np.arange(-reach, reach + 1)
    steps = step * np.arange(-reach - shifts, reach + shifts + 1)

    # Before and after the signal its end values are held, as far as any window reaches.
    around = int(np.ceil(fs))
    x = np.pad(mv.astype(float), around, mode="edge")
    smoothed = moving_mean(x - moving_mean(x, odd_length(LOCAL_BASELINE_S, fs)), odd_length(SMOOTHED_S, fs))

    kinds, found, its_kinds = [], [], []
    for beat in beats:
        # All templates are as they were before this beat.
        values = smoothed[around + beat.at + steps]
        windows = normalized(np.lib.stride_tricks.sliding_window_view(values, template_steps.size))
        fits = [best_shift(windows @ normalized(kind.template)) for kind in kinds]
        best = max(range(len(fits)), key=lambda n: fits[n][0], default=None)
        found.append(None if best is None else fits[best][0])

        if best is not None and fits[best][0] >= SAME_KIND:
            kind, (_, shift) = kinds[best], fits[best]
            middle = beat.at + int(np.floor((shift - shifts) * step + 0.5))
            kind.beats += 1
            kind.template += (smoothed[around + middle + template_steps] - kind.template) / min(kind.beats, AVERAGED_BEATS)
            kind.latest = beat.at
        else:
            if len(kinds) == KINDS:
                kinds.remove(min(kinds, key=lambda kind: kind.latest))
            kind = Kind(smoothed[around + beat.at + template_steps], beat.at, len(its_kinds))
            kinds.append(kind)
        its_kinds.append(kind.number)
    return found, its_kinds
