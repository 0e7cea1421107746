"""Holds features of the recipe in Python (docs/recipe) to what SciPy computes, and pNN50 to the definition that NeuroKit2 has.

Equal means: within 1e-3. The window is SciPy's own, which lies half a sample beside ours.
"""

import numpy as np
from scipy.signal import periodogram
from step4_features import nn_statistics, spectral_shares

LIMIT = 1e-3
random = np.random.default_rng(12)
worst = {"psqi": 0.0, "bassqi": 0.0, "pnn50": 0.0}

for _ in range(300):
    fs = random.choice([100.0, 128.0, 250.0, 300.0, 360.0, 500.0, 1000.0])
    samples = int(random.integers(9 * fs, 11 * fs))
    time_s = np.arange(samples) / fs
    tones = random.choice([0.1, 0.3, 1.0, 3.0, 8.0, 12.0, 25.0, 35.0, 45.0], 4)
    mv = sum(random.normal() * np.sin(2 * np.pi * hz * time_s + random.uniform(0, 6)) for hz in tones)
    mv = (mv + random.normal(0, 0.1, samples) + random.normal()).astype(np.float32)
    hz, power = periodogram(mv.astype(float), fs, window="hann", detrend="constant", scaling="density")

    def share(part, whole):
        of = [power[(hz >= low - 1e-9) & (hz <= high + 1e-9)].sum() for low, high in (part, whole)]
        return of[0] / of[1]

    expected = {"psqi": share((5, 15), (5, 40)), "bassqi": 1 - share((0, 1), (0, 40))}
    found = spectral_shares(mv, fs)

    # NeuroKit2, hrv_time: nn50 / (number of differences + 1) * 100. Intervals of whole milliseconds at 1000 Hz.
    rr_ms = random.integers(700, 900, int(random.integers(2, 14))).astype(float)
    differences = np.abs(np.diff(rr_ms))
    expected["pnn50"] = 100 * np.sum(differences > 50) / (differences.size + 1)
    found["pnn50"] = nn_statistics(rr_ms, 1000.0)["pnn50"]
    for name, value in expected.items():
        worst[name] = max(worst[name], abs(found[name] - value))

print(", ".join(f"{name} within {difference:.1e}" for name, difference in worst.items()))
assert all(difference <= LIMIT for difference in worst.values()), worst
