"""Step 3, numbers 4 to 6: which candidates are beats.

A candidate is a beat if it exceeds a threshold between the levels of the last beats and of the last noise. The rules are
those of Pan and Tompkins (1985, IEEE Trans Biomed Eng 32:230) as restated by Hamilton (2002, "Open source ECG analysis",
Computers in Cardiology 29:101).
"""

from collections import deque

import numpy as np

from step3_qrs_candidates import T_WAVE_S, T_WAVE_SLOPE, in_samples

# Beats, noise peaks and intervals that the levels remember. Hamilton: 8.
REMEMBERED = 8
# The levels are learned from so many seconds, from the first candidate on. Hamilton: 8.
LEARNING_S = 8
# Candidates below this share of the first signal level give the first noise level. Hamilton: 0, but ten seconds are over
# before that is corrected.
INITIAL_NOISE_BELOW = 0.5
# The threshold stands at this share of the way from the noise level to the signal level. Pan and Tompkins: 0.25. Lower,
# because a candidate has its contrast already.
THRESHOLD = 0.2
# No beat is below this, in mV after the band-pass, where a QRS complex has about a fifth of its peak-to-peak voltage.
# Not published: half of what is labelled low.
LOWEST_AMPLITUDE_MV = 0.01
# A beat raises the signal level as if it were at most so many times the level. Not published; one artefact or a salvo of
# large extrasystoles does not hide the beats that follow.
LARGEST_LEVEL_STEP = 1.5
# Least time between two R peaks, in s. Pan and Tompkins: 0.2.
REFRACTORY_S = 0.23
# A beat is overdue after so many median intervals. Pan and Tompkins: 1.66; Hamilton: 1.5.
OVERDUE_INTERVALS = 1.4
# Longer intervals, in s, are pauses or missed beats and say nothing about the next one. Not published.
LONGEST_INTERVAL_S = 2.0
# Looking back, this share of the threshold is enough. Pan and Tompkins: 0.5.
LOOK_BACK_THRESHOLD = 0.5
# It is looked back again after so many seconds without success. Not published, as the rest of this list.
LOOK_BACK_AGAIN_S = 0.5
# Candidates older than this, in s, are not looked back at.
LOOK_BACK_REACH_S = 3.0
# After so many seconds without a beat each look back without success lowers the signal level...
LOWER_LEVEL_AFTER_S = 2.5
# ...to this share of itself.
LOWER_LEVEL_BY = 0.8
# After so many seconds without a beat, as after a gap or a loose electrode, the levels are learned again.
LEARN_AGAIN_AFTER_S = 10.0


def upper_median(values):
    return sorted(values)[len(values) // 2]


def remembered(values=()):
    return deque(values, maxlen=REMEMBERED)


def learn_levels(candidates, sampling_frequency_hz):
    """The first signal level: the median, over the seconds that have candidates, of the largest amplitude in each. The
    first noise level: the median amplitude of the candidates below half of it.
    """
    seconds = [int((c.at - candidates[0].at) / sampling_frequency_hz) for c in candidates]
    largest = [max(c.amplitude for c, s in zip(candidates, seconds) if s == second) for second in sorted(set(seconds))]
    signal = max(upper_median(largest), LOWEST_AMPLITUDE_MV)
    small = [c.amplitude for c in candidates if c.amplitude < INITIAL_NOISE_BELOW * signal]
    return signal, upper_median(small) if small else 0.0


def find_beats(candidates, samples, sampling_frequency_hz, decisions=None):
    """The candidates that are beats, in order. `samples` is the length of the signal.

    Each comparison that decides is appended to the list `decisions`, if one is given, as (sample of the candidate, rule,
    value, limit): print it to see why a beat was found or not.
    """
    fs = sampling_frequency_hz

    def exceeds(candidate, rule, value, limit):
        if decisions is not None:
            decisions.append((candidate.at, rule, value, limit))
        return value > limit

    refractory = int(np.ceil(REFRACTORY_S * fs))
    beats = []
    intervals = remembered()
    signal, noise = None, None      # amplitudes of the latest beats and of the latest other candidates; None: learn them
    rejected = []                   # candidates since the latest beat
    no_beat_since = 0               # the latest beat, or where learning began
    look_back_at = samples
    number = 0                      # of the next candidate

    def signal_level():
        return max(upper_median(signal), LOWEST_AMPLITUDE_MV)

    def threshold():
        noise_level = upper_median(noise)
        return max(noise_level + THRESHOLD * (signal_level() - noise_level), LOWEST_AMPLITUDE_MV)

    def overdue_after(candidate):
        return candidate.at + int(np.floor(OVERDUE_INTERVALS * (upper_median(intervals) if intervals else fs) + 0.5))

    while number < len(candidates) or look_back_at < samples:
        # 4. The levels, learned from the first seconds that have candidates.
        if signal is None:
            first = candidates[number]
            learned_from = [c for c in candidates[number:] if c.at < first.at + in_samples(LEARNING_S, fs)]
            first_signal, first_noise = learn_levels(learned_from, fs)
            signal = remembered([first_signal] * REMEMBERED)
            noise = remembered([first_noise] * REMEMBERED)
            no_beat_since, look_back_at = first.at, overdue_after(first)

        found = None
        if number < len(candidates) and candidates[number].at <= look_back_at:
            candidate = candidates[number]
            number += 1
            stands_out = exceeds(candidate, "threshold", candidate.amplitude, threshold())
            since_last = candidate.at - beats[-1].at if beats else np.inf

            # 5. T wave.
            t_wave = since_last < in_samples(T_WAVE_S, fs) and exceeds(
                candidate, "T wave", T_WAVE_SLOPE * beats[-1].slope, candidate.slope
            )

            # 5. Refractory period: of two candidates the larger one counts.
            if beats and candidate.r_sample - beats[-1].r_sample < refractory:
                # R peaks stay in the order of their candidates.
                may_replace = stands_out and not t_wave and candidate.r_sample >= beats[-1].r_sample
                if may_replace and exceeds(candidate, "refractory", candidate.amplitude, beats[-1].amplitude):
                    beats[-1] = candidate
                    signal[-1] = min(candidate.amplitude, LARGEST_LEVEL_STEP * signal_level())
                    look_back_at = overdue_after(candidate)
                continue

            if stands_out and not t_wave:
                found, level, rejected = candidate, min(candidate.amplitude, LARGEST_LEVEL_STEP * signal_level()), []
            else:
                # A T wave is not noise: large ones would raise the threshold above the beats.
                if not t_wave:
                    noise.append(candidate.amplitude)
                rejected.append(candidate)
        else:
            # 6. Look back: a beat is overdue.
            enough = max(LOOK_BACK_THRESHOLD * threshold(), LOWEST_AMPLITUDE_MV)
            after = beats[-1].at + in_samples(T_WAVE_S, fs) if beats else 0
            strong = [c for c in rejected if c.at >= after and exceeds(c, "look back", c.amplitude, enough)]
            if strong:
                found = max(strong, key=lambda c: c.amplitude)
                level = max(found.amplitude, LOOK_BACK_THRESHOLD * signal_level())
                rejected = [c for c in rejected if c.at > found.at]
            else:
                now = look_back_at
                look_back_at += max(in_samples(LOOK_BACK_AGAIN_S, fs), 1)
                rejected = [c for c in rejected if c.at + in_samples(LOOK_BACK_REACH_S, fs) > now]
                if now > no_beat_since + in_samples(LEARN_AGAIN_AFTER_S, fs):
                    signal, rejected, look_back_at = None, [], samples
                elif now > no_beat_since + in_samples(LOWER_LEVEL_AFTER_S, fs):
                    signal = remembered(LOWER_LEVEL_BY * value for value in signal)

        if found is not None:
            signal.append(level)
            if beats and found.at - beats[-1].at < LONGEST_INTERVAL_S * fs:
                intervals.append(found.at - beats[-1].at)
            beats.append(found)
            no_beat_since, look_back_at = found.at, overdue_after(found)
    return beats
